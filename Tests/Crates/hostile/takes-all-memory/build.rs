use std::{fs, hint::black_box};

const MIB: usize = 1 << 20;
// Four times the limit of its fate: harmless where the limit does not hold.
const MOST: usize = 1024;

fn main() {
    let mut taken = Vec::new();
    for count in 1..=MOST {
        // Not zeros: the kernel gives those without memory behind them.
        taken.push(vec![count as u8 | 1; MIB]);
        black_box(&taken);
        fs::write("/build/target/measured", count.to_string()).unwrap();
    }
    panic!("{MOST} MiB could be taken");
}
