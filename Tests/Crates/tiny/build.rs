// Runs on the builder's own architecture; what it finds out ends up in the binary.
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-env=TINY_TARGET={}", std::env::var("TARGET").unwrap());
    println!("cargo:rustc-env=TINY_HOST={}", std::env::var("HOST").unwrap());
}
