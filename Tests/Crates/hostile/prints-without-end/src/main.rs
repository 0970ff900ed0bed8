prints_without_end_macros::print!();

fn main() {}
