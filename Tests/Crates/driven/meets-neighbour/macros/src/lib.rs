use proc_macro::TokenStream;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::{env, fs, thread::sleep, time::Duration};

const PLACES: [&str; 4] = ["/tmp", "/var/tmp", "/dev/shm", "/build/target"];

/// Leaves marks of its own, waits until the other build has done so too, then looks for the other's.
#[proc_macro]
pub fn meet(_: TokenStream) -> TokenStream {
    let [own, other] = ["CONFORMANCE_OWN", "CONFORMANCE_OTHER"].map(|name| env::var(name).unwrap());
    for place in PLACES {
        let _ = fs::write(format!("{place}/{own}"), &own);
    }
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&own).unwrap());
    assert!(listener.is_ok(), "no abstract socket of one's own");
    eprintln!("conformance: ready");
    wait_for_both();
    let seen = look_for(&other);
    assert!(seen.is_empty(), "the neighbour is seen: {seen:?}");
    TokenStream::new()
}

/// The test writes this file into both builds' folders when both are ready.
fn wait_for_both() {
    for _ in 0..1200 {
        if fs::metadata("/build/target/both-are-ready").is_ok() {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("the other build did not come");
}

fn look_for(other: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for place in PLACES {
        if fs::metadata(format!("{place}/{other}")).is_ok() {
            seen.push(format!("{place}/{other}"));
        }
    }
    if UnixStream::connect_addr(&SocketAddr::from_abstract_name(other).unwrap()).is_ok() {
        seen.push("abstract socket".into());
    }
    // In the other's processes it is CONFORMANCE_OWN.
    let mark = format!("CONFORMANCE_OWN={other}");
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let variables = fs::read(entry.path().join("environ")).unwrap_or_default();
        if String::from_utf8_lossy(&variables).contains(&mark) {
            seen.push(format!("{}", entry.path().display()));
        }
    }
    seen
}
