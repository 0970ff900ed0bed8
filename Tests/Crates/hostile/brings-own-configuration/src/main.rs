fn main() {
    let is_owned = cfg!(owned) || option_env!("OWNED").is_some();
    println!("{}", if is_owned { "owned" } else { "untouched" });
}
