sleeps_without_end_macros::sleep_long!();

fn main() {}
