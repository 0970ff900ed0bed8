use std::{env, fs};

// Four times the limit of its fate: harmless where the limit does not hold.
const FILES: usize = 64;
const BYTES: usize = 4 << 20;

fn main() {
    let folder = env::var("OUT_DIR").unwrap();
    for number in 0..FILES {
        fs::write(format!("{folder}/{number}"), vec![number as u8 | 1; BYTES]).unwrap();
    }
}
