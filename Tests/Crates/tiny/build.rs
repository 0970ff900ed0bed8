// Runs on the builder's own architecture; what it finds out ends up in the binary.
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-env=TINY_TARGET={}", std::env::var("TARGET").unwrap());
    println!("cargo:rustc-env=TINY_HOST={}", std::env::var("HOST").unwrap());
    // As many programs do: what is for their users comes from the build.
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR").unwrap());
    std::fs::write(out.join("tiny.1"), ".TH tiny 1\n").unwrap();
    std::fs::write(out.join("tiny.bash"), "complete -W words tiny\n").unwrap();
}
