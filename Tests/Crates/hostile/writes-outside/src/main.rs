mod outside;

fn main() {
    let written = outside::write_outside();
    println!("wrote {} things: {written:?}", written.len());
}
