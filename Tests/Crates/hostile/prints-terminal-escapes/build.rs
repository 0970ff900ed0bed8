fn main() {
    println!("cargo:warning=\x1b]0;owned\x07\x1b[2J\x1b[31mred");
}
