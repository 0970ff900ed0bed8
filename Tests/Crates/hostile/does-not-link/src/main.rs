extern "C" {
    fn buildsrs_function_that_nobody_has() -> i32;
}

fn main() {
    println!("{}", unsafe { buildsrs_function_that_nobody_has() });
}
