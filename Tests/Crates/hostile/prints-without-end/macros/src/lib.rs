use proc_macro::TokenStream;
use std::{thread::sleep, time::Duration};

// Four times the limit of its fate: harmless where the limit does not hold.
const LINES: usize = 4 * 1024;

#[proc_macro]
pub fn print(_: TokenStream) -> TokenStream {
    for _ in 0..LINES {
        eprintln!("{}", "all work and no play ".repeat(50));
    }
    // Whoever only notices at the end is found out by the fate's `seconds`.
    sleep(Duration::from_secs(120));
    TokenStream::new()
}
