use std::ffi::{c_char, c_int, CStr};

extern "C" {
    fn tiny_zlib() -> *const c_char;
    fn tiny_file() -> *const c_char;
    fn tiny_exists(path: *const c_char) -> c_int;
    fn tiny_answer(seed: u32) -> u32;
}

fn text(pointer: *const c_char) -> String {
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

fn main() {
    let (root, answer) = unsafe { (tiny_exists(c"/".as_ptr()), tiny_answer(7)) };
    println!(
        "tiny-c {} of {} with zlib {}, root {root}, answer {answer}",
        env!("CARGO_PKG_VERSION"),
        text(unsafe { tiny_file() }),
        text(unsafe { tiny_zlib() }),
    );
}
