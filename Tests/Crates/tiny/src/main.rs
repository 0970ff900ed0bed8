fn main() {
    println!(
        "{} {} for {} built on {}",
        tiny_words::name(),
        env!("CARGO_PKG_VERSION"),
        env!("TINY_TARGET"),
        env!("TINY_HOST"),
    );
}
