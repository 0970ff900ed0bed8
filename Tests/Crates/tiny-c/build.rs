//! Compiles C as crates do that use `cc` and `pkg-config`, by the same variables.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=c/tiny.c");
    let target = env::var("TARGET").unwrap().replace('-', "_");
    let out = PathBuf::from(env::var("OUT_DIR").unwrap());
    let source = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap()).join("c/tiny.c");
    let object = out.join("tiny.o");
    let zlib = env::var("CARGO_FEATURE_ZLIB").is_ok();

    let mut compile = Command::new(variable("CC", &target));
    compile.args(variable("CFLAGS", &target).split_whitespace());
    if zlib {
        compile.arg("-DTINY_ZLIB").args(pkg_config("--cflags").split_whitespace());
    }
    run(compile.args(["-O2", "-g", "-fPIC", "-c"]).arg(&source).arg("-o").arg(&object));
    run(Command::new(variable("AR", &target)).arg("crs").arg(out.join("libtiny.a")).arg(&object));
    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rustc-link-lib=static=tiny");

    if zlib {
        for word in pkg_config("--libs").split_whitespace() {
            if let Some(folder) = word.strip_prefix("-L") {
                println!("cargo:rustc-link-search=native={folder}");
            } else if let Some(library) = word.strip_prefix("-l") {
                println!("cargo:rustc-link-lib=static={library}");
            }
        }
    }
}

fn variable(name: &str, target: &str) -> String {
    env::var(format!("{name}_{target}")).unwrap_or_else(|_| panic!("no {name}_{target}"))
}

fn pkg_config(what: &str) -> String {
    let output = Command::new("pkg-config")
        .args(["--static", what, "zlib"])
        .env("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1")
        .output()
        .expect("pkg-config starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}
