mod reach;

reaches_for_network_macros::reach!();

fn main() {
    let reached = reach::reach(env!("CONFORMANCE_PORT"), env!("CONFORMANCE_SOCKET"));
    println!("reached {} things: {reached:?}", reached.len());
}
