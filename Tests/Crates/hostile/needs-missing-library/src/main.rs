extern "C" {
    fn buildsrs_nowhere() -> i32;
}

fn main() {
    println!("{}", unsafe { buildsrs_nowhere() });
}
