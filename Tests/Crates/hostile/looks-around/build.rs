#[path = "src/look.rs"]
mod look;

fn main() {
    let names = ["CONFORMANCE_REVERSED", "CONFORMANCE_FILES", "CONFORMANCE_NAMESPACES"];
    let [reversed, files, namespaces] = names.map(|name| std::env::var(name).unwrap());
    let seen = look::look(&look::Wanted { reversed: &reversed, files: &files, namespaces: &namespaces });
    assert!(seen.is_empty(), "the build script saw:\n{}", seen.join("\n"));
    println!("cargo:rustc-env=CONFORMANCE_REVERSED={reversed}");
    println!("cargo:rustc-env=CONFORMANCE_FILES={files}");
    println!("cargo:rustc-env=CONFORMANCE_NAMESPACES={namespaces}");
}
