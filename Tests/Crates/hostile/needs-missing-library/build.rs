use std::{env, fs, process::Command};

fn main() {
    let folder = env::var("OUT_DIR").unwrap();
    let target = env::var("TARGET").unwrap().replace('-', "_");
    let compiler = env::var(format!("CC_{target}")).unwrap_or("cc".into());
    let source = format!("{folder}/nowhere.c");
    fs::write(&source, "int buildsrs_nowhere(void) { return 7; }\n").unwrap();
    let status = Command::new(compiler)
        .args(["-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libbuildsrsnowhere.so.1", "-o"])
        .args([format!("{folder}/libbuildsrsnowhere.so"), source])
        .status();
    assert!(status.unwrap().success());
    println!("cargo:rustc-link-search=native={folder}");
    println!("cargo:rustc-link-lib=dylib=buildsrsnowhere");
}
