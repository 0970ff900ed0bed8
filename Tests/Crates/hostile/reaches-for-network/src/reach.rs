use std::net::{SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixStream};
use std::time::Duration;

/// What could be reached although nothing should be, one word each.
///
/// `port`: where the test listens on 127.0.0.1; `name`: where it listens in the abstract name space
/// of Unix sockets, which belongs to the network namespace.
pub fn reach(port: &str, name: &str) -> Vec<String> {
    let mut reached = Vec::new();
    let port: u16 = port.parse().unwrap();
    // 192.0.2.1 is nobody's (RFC 5737).
    for address in [SocketAddr::from(([127, 0, 0, 1], port)), SocketAddr::from(([192, 0, 2, 1], 80))] {
        if TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok() {
            reached.push(format!("TCP {address}"));
        }
    }
    let datagram = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"?", "192.0.2.1:53"));
    if datagram.is_ok() {
        reached.push("UDP 192.0.2.1:53".into());
    }
    if ("example.com", 80).to_socket_addrs().is_ok() {
        reached.push("DNS".into());
    }
    let socket = UnixAddress::from_abstract_name(name).unwrap();
    if UnixStream::connect_addr(&socket).is_ok() {
        reached.push(format!("abstract Unix socket {name}"));
    }
    for engine in ["/var/run/docker.sock", "/run/containerd/containerd.sock"] {
        if UnixStream::connect(engine).is_ok() {
            reached.push(engine.into());
        }
    }
    reached.extend(interfaces().into_iter().filter(|name| name != "lo"));
    reached
}

fn interfaces() -> Vec<String> {
    let table = std::fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    let lines = table.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(name, _)| name.trim().to_string()).collect()
}
