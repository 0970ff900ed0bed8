mod look;

fn main() {
    let seen = look::look(&look::Wanted {
        reversed: env!("CONFORMANCE_REVERSED"),
        files: env!("CONFORMANCE_FILES"),
        namespaces: env!("CONFORMANCE_NAMESPACES"),
    });
    println!("saw {} things\n{}", seen.len(), seen.join("\n"));
}
