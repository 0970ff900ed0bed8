use std::io::{stdout, Write};

fn main() {
    let bytes = b"\x1b]0;owned\x07\x1b[2J\x9b31mred \xff\xfe \xe2\x82 \0 caf\xc3\xa9\n";
    stdout().write_all(bytes).unwrap();
}
