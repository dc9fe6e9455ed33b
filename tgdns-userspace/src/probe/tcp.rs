//! Does the server accept a TCP connection, and say what it should?
//!
//! Where nothing is expected the handshake is the whole proof.

use std::{
    io,
    time::{Duration, Instant},
};

use super::{Destination, conversation::converse};
use crate::{
    cluster::{Match, Tcp},
    health::Outcome,
};

/// Tries one connection.
pub(super) async fn probe(kind: &Tcp, destination: &Destination, timeout: Duration) -> io::Result<Outcome> {
    let started = Instant::now();
    let judge = |said: &[u8]| kind.expect.as_ref().map_or(Match::Yes, |expect| expect.judge(said));
    let heard = converse(destination, timeout, &kind.send, |said| judge(said) != Match::NotYet).await?;
    Ok(match heard.said().map(judge) {
        Some(Match::Yes) => Outcome::success(started.elapsed()),
        Some(Match::No | Match::NotYet) | None => Outcome::failure(heard.cause(timeout)),
    })
}

#[cfg(test)]
mod tests {
    use regex::bytes::Regex;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;
    use crate::{
        cluster::{ByteRegex, Expect},
        network_namespace::NetworkNamespace,
        probe::tests::serve,
    };

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

    /// All ports in use, and an address that is another host's.
    #[test]
    fn what_this_host_lacks_is_not_the_server_s_failure() {
        NetworkNamespace::new().block_on(|| async {
            std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "50000 50000").expect("a narrow range");
            let listener = TcpListener::bind("127.0.0.1:443").await.expect("bind");
            let _holder = tokio::net::TcpStream::connect("127.0.0.1:443").await.expect("the only port");
            let destination = Destination::at(&listener.local_addr().expect("bound").to_string());
            let error = probe(&Tcp::default(), &destination, TIMEOUT).await.expect_err("no port is free");
            let told = crate::socket::own_fault(&error);
            assert_eq!(told, "this host has no address or no free port to connect from");
            let destination = Destination { source: "192.0.2.9".parse().ok(), ..destination };
            let error = probe(&Tcp::default(), &destination, TIMEOUT).await.expect_err("no such address");
            let told = crate::socket::own_fault(&error);
            assert!(told.starts_with("cannot use the source address 192.0.2.9: "), "{told}");
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

    fn expecting(send: &str, expect: Expect) -> Tcp {
        Tcp { send: send.into(), expect: Some(expect) }
    }

    fn prefix(text: &str) -> Expect {
        Expect::Prefix(text.into())
    }

    /// Servers by what they say, and when.
    #[test]
    fn what_servers_say() {
        NetworkNamespace::new().block_on(|| async {
            let greeting = |text: &'static str, then_waits: bool| {
                serve(move |mut stream| async move {
                    stream.write_all(text.as_bytes()).await.expect("write");
                    if then_waits {
                        std::future::pending::<()>().await;
                    }
                })
            };
            let viewer = greeting("RFB 003.008\n", true).await;
            let web = greeting("HTTP/1.1 400 Bad Request\r\n", false).await;
            let mute = greeting("", true).await;
            let hasty = greeting("", false).await;
            let endless =
                serve(|mut stream| async move { while stream.write_all(&[b'x'; 1024]).await.is_ok() {} })
                    .await;
            let drip = serve(|mut stream| async move {
                for byte in b"RFB 003.008" {
                    tokio::time::sleep(TIMEOUT / 4).await;
                    stream.write_all(&[*byte]).await.expect("write");
                }
            })
            .await;
            let echo = serve(|mut stream| async move {
                let mut buffer = [0; 16];
                let length = stream.read(&mut buffer).await.expect("read");
                stream.write_all(&buffer[..length]).await.expect("write");
            })
            .await;
            let regex = |text| Expect::Regex(ByteRegex(Regex::new(text).expect("a regular expression")));
            for (server, kind, expected) in [
                (&viewer, expecting("", prefix("RFB 003.")), None),
                (&viewer, expecting("", Expect::Contains(b"008".into())), None),
                (&viewer, expecting("", regex("^RFB 003\\.00[38]\n$")), None),
                (&viewer, expecting("", prefix("SSH-2.0-")), Some("it says \"RFB 003.008\\n\"")),
                (&viewer, expecting("", regex("^SSH")), Some("it says only \"RFB 003.008\\n\" within 300ms")),
                (&web, expecting("", prefix("SSH-2.0-")), Some("it says \"HTTP/1.1 400 Bad Request\\r\\n\"")),
                (
                    &web,
                    expecting("", Expect::Contains(b"OK".into())),
                    Some("it closes the connection after saying \"HTTP/1.1 400 Bad Request\\r\\n\""),
                ),
                (
                    &mute,
                    expecting("", prefix("RFB")),
                    Some("it takes the connection and says nothing within 300ms"),
                ),
                (
                    &hasty,
                    expecting("", prefix("RFB")),
                    Some("it takes the connection and closes it without a word"),
                ),
                (&drip, expecting("", prefix("RFB 003.")), Some("it says only \"RFB\" within 300ms")),
                (
                    &endless,
                    expecting("", Expect::Contains(b"y".into())),
                    Some("it says \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…\" and more than 4096 bytes"),
                ),
                (&echo, expecting("PING\r\n", prefix("PING")), None),
                (&mute, Tcp { send: b"PING".to_vec(), expect: None }, None),
                (&mute, Tcp::default(), None),
            ] {
                let outcome = probe(&kind, &Destination::at(server), TIMEOUT).await.expect("a verdict");
                let cause = match &outcome {
                    Outcome::Success { .. } => None,
                    Outcome::Failure { cause, .. } => Some(cause.as_str()),
                };
                assert_eq!(cause, expected, "{kind:?}");
            }
        });
    }
}
