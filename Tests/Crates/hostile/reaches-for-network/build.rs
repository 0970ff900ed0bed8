#[path = "src/reach.rs"]
mod reach;

fn main() {
    let port = std::env::var("CONFORMANCE_PORT").unwrap();
    let name = std::env::var("CONFORMANCE_SOCKET").unwrap();
    let reached = reach::reach(&port, &name);
    assert!(reached.is_empty(), "the build script reached {reached:?}");
    println!("cargo:rustc-env=CONFORMANCE_PORT={port}");
    println!("cargo:rustc-env=CONFORMANCE_SOCKET={name}");
}
