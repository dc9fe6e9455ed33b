//! Does the server accept a TCP connection?
//!
//! The connection is closed with a reset (linger 0), as other load balancers' checks do: an orderly close would leave
//! a TIME_WAIT entry for each probe of each server here, another in every NAT table on the way, and make
//! the server's program answer our FIN. The handshake is the whole proof, and nothing was sent that could be lost.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    time::{Duration, Instant},
};

use nix::errno::Errno;
use tokio::{
    net::{TcpSocket, TcpStream},
    time::error::Elapsed,
};

use crate::health::Outcome;

/// Tries one connection. An error is this host's own (no file descriptors, no memory) and says nothing about the
/// server.
pub async fn probe(target: SocketAddr, timeout: Duration) -> io::Result<Outcome> {
    let socket = match target {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_zero_linger()?;
    let started = Instant::now();
    let connection = tokio::time::timeout(timeout, socket.connect(target)).await;
    judge(connection, target, timeout, started.elapsed())
}

fn judge(
    connection: Result<io::Result<TcpStream>, Elapsed>,
    target: SocketAddr,
    timeout: Duration,
    took: Duration,
) -> io::Result<Outcome> {
    let cause = match connection {
        Ok(Ok(stream)) if stream.local_addr()? == target => {
            // A closed port among the ephemeral ones, on this very host: the kernel may choose it as our own port and
            // connect the socket to itself.
            "connection refused".into()
        }
        Ok(Ok(_accepted)) => return Ok(Outcome::Success { took }),
        Ok(Err(error)) if is_own_fault(&error) => return Err(error),
        Ok(Err(error)) => cause(&error),
        Err(_elapsed) => format!("timed out after {}", humantime::format_duration(timeout)),
    };
    Ok(Outcome::Failure { cause })
}

fn is_own_fault(error: &io::Error) -> bool {
    let own = [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM];
    error.raw_os_error().is_some_and(|code| own.contains(&Errno::from_raw(code)))
}

fn cause(error: &io::Error) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is rare, and the system's words will do")]
    let told = match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset => "connection reset",
        ErrorKind::HostUnreachable => "no route to host",
        ErrorKind::NetworkUnreachable => "network is unreachable",
        ErrorKind::TimedOut => "timed out",
        ErrorKind::AddrNotAvailable => "this host has no address to connect from",
        ErrorKind::PermissionDenied => "forbidden by this host's firewall",
        _ => return error.to_string(),
    };
    told.into()
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

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
            for (target, expected) in [
                ("127.0.0.1:9", "connection refused"),
                ("[::1]:9", "connection refused"),
                ("192.0.2.2:9", "timed out after 300ms"),
                ("198.51.100.1:9", "no route to host"),
                ("203.0.113.1:9", "forbidden by this host's firewall"),
                ("8.8.8.8:9", "network is unreachable"),
            ] {
                let outcome = probe(target.parse().expect("an address"), TIMEOUT).await.expect("a verdict");
                assert_eq!(outcome, Outcome::Failure { cause: expected.into() }, "{target}");
            }
        });
    }

    #[test]
    fn leaves_no_connection_behind() {
        NetworkNamespace::new().block_on(|| async {
            let listener = TcpListener::bind("127.0.0.1:443").await.expect("bind");
            for _ in 0..20 {
                let outcome = probe(listener.local_addr().expect("bound"), TIMEOUT).await.expect("a verdict");
                assert!(matches!(outcome, Outcome::Success { .. }), "{outcome:?}");
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
            let target = SocketAddr::new(IpAddr::from(Ipv4Addr::LOCALHOST), 40_000);
            let outcome = probe(target, TIMEOUT).await.expect("a verdict");
            assert_eq!(outcome, Outcome::Failure { cause: "connection refused".into() });
        });
    }
}
