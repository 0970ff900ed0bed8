use std::io::Write;
use std::{env, fs, thread, time};

// Where every thread's table of open files is looked at, one look takes THREADS times OPEN files; who then
// pauses for a multiple of that is not back before the script is over. Harmless where no limit holds: the
// files are /dev/null, and what is written is four times the limit of its fate.
const OPEN: usize = 20_000;
const THREADS: usize = 900;
const FILES: usize = 64;
const BYTES: usize = 4 << 20;

fn main() {
    let folder = env::var("OUT_DIR").unwrap();
    let held: Vec<fs::File> = (0..FILES)
        .map(|number| {
            let path = format!("{folder}/{number}");
            let file = fs::File::create(&path).unwrap();
            fs::remove_file(&path).unwrap();
            file
        })
        .collect();
    // As many as are allowed.
    let open: Vec<fs::File> = (0..OPEN).map_while(|_| fs::File::open("/dev/null").ok()).collect();
    for _ in 0..THREADS {
        let sleeper = thread::Builder::new().stack_size(64 << 10);
        if sleeper.spawn(|| thread::sleep(time::Duration::from_secs(60))).is_err() {
            break;
        }
    }
    // By now somebody is looking.
    thread::sleep(time::Duration::from_secs(10));
    for (number, mut file) in held.iter().enumerate() {
        file.write_all(&vec![number as u8 | 1; BYTES]).unwrap();
    }
    thread::sleep(time::Duration::from_secs(10));
    drop((open, held));
}
