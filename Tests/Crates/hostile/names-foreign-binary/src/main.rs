names_foreign_binary_macros::forge!();

fn main() {}
