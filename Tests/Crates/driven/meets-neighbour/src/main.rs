meets_neighbour_macros::meet!();

fn main() {}
