//! Does the server accept a TCP connection?
//!
//! The handshake is the whole proof, and nothing was sent that could be lost.

use std::{
    io,
    time::{Duration, Instant},
};

use super::{
    Destination,
    connect::{connect, timed_out},
};
use crate::{cluster::Tcp, health::Outcome};

/// Tries one connection.
pub(super) async fn probe(_kind: &Tcp, destination: &Destination, timeout: Duration) -> io::Result<Outcome> {
    let started = Instant::now();
    let Ok(connection) = tokio::time::timeout(timeout, connect(destination)).await else {
        return Ok(Outcome::failure(timed_out(timeout)));
    };
    Ok(match connection? {
        Ok(_accepted) => Outcome::success(started.elapsed()),
        Err(cause) => Outcome::failure(cause),
    })
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::network_namespace::NetworkNamespace;

    const TIMEOUT: Duration = Duration::from_millis(300);

    #[test]
    fn causes_are_told_in_words() {
        let namespace = NetworkNamespace::new();
        namespace.ip("link add veth0 type veth peer name veth1");
        namespace.ip("address add 192.0.2.1/24 dev veth0");
        namespace.ip("link set veth0 up");
        namespace.ip("link set veth1 up");
        namespace.ip("route add unreachable 198.51.100.0/24");
        namespace.ip("route add prohibit 203.0.113.0/24");
        namespace.block_on(|| async {
            for (destination, expected) in [
                ("127.0.0.1:9", "connection refused"),
                ("[::1]:9", "connection refused"),
                ("192.0.2.2:9", "timed out after 300ms"),
                ("198.51.100.1:9", "no route to host"),
                ("203.0.113.1:9", "forbidden by this host's firewall"),
                ("8.8.8.8:9", "network is unreachable"),
            ] {
                let outcome =
                    probe(&Tcp::default(), &Destination::at(destination), TIMEOUT).await.expect("a verdict");
                assert_eq!(outcome, Outcome::failure(expected), "{destination}");
            }
        });
    }

    #[test]
    fn leaves_no_connection_behind() {
        NetworkNamespace::new().block_on(|| async {
            let listener = TcpListener::bind("127.0.0.1:443").await.expect("bind");
            for _ in 0..20 {
                let destination = Destination::at(&listener.local_addr().expect("bound").to_string());
                let outcome = probe(&Tcp::default(), &destination, TIMEOUT).await.expect("a verdict");
                assert!(outcome.is_success(), "{outcome:?}");
                drop(listener.accept().await.expect("the connection"));
            }
            let table = std::fs::read_to_string("/proc/thread-self/net/tcp").expect("the kernel's table");
            // A headline and the listener.
            assert_eq!(table.lines().count(), 2, "{table}");
        });
    }

    #[test]
    fn a_socket_connected_to_itself_is_no_server() {
        let namespace = NetworkNamespace::new();
        namespace.block_on(|| async {
            // The only port to connect from is the one to connect to.
            std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40000").expect("write");
            let destination = Destination::at("127.0.0.1:40000");
            let outcome = probe(&Tcp::default(), &destination, TIMEOUT).await.expect("a verdict");
            assert_eq!(outcome, Outcome::failure("connection refused"));
        });
    }

    #[test]
    fn the_source_is_this_host_s() {
        let namespace = NetworkNamespace::new();
        namespace.block_on(|| async {
            let listener = TcpListener::bind("127.0.0.1:443").await.expect("bind");
            let from = |source: &str| Destination {
                source: Some(source.parse().expect("an address")),
                ..Destination::at("127.0.0.1:443")
            };
            let outcome = probe(&Tcp::default(), &from("127.7.7.7"), TIMEOUT).await.expect("a verdict");
            assert!(outcome.is_success(), "{outcome:?}");
            let (_stream, client) = listener.accept().await.expect("the connection");
            assert_eq!(client.ip().to_string(), "127.7.7.7");
            let error =
                probe(&Tcp::default(), &from("192.0.2.1"), TIMEOUT).await.expect_err("no such address");
            assert!(error.to_string().starts_with("cannot use the source address 192.0.2.1: "), "{error}");
        });
    }
}
