use std::io::Write;
use std::{env, fs, thread, time};

// Twice the limit of its fate, in files that no walk through folders finds; held until it is noticed, or
// for so long that whoever does not notice sees the build succeed.
const FILES: usize = 32;
const BYTES: usize = 4 << 20;

fn main() {
    let folder = env::var("OUT_DIR").unwrap();
    let held: Vec<fs::File> = (0..FILES)
        .map(|number| {
            let path = format!("{folder}/{number}");
            let mut file = fs::File::create(&path).unwrap();
            fs::remove_file(&path).unwrap();
            file.write_all(&vec![number as u8 | 1; BYTES]).unwrap();
            file
        })
        .collect();
    thread::sleep(time::Duration::from_secs(20));
    drop(held);
}
