use std::net::{Ipv6Addr, SocketAddr};

use tokio::time::timeout;

use super::*;
use crate::network_namespace::NetworkNamespace;

const PATIENCE: Duration = Duration::from_millis(200);

#[test]
fn replies_leave_from_the_address_that_was_asked() {
    let namespace = NetworkNamespace::new();
    for address in ["192.0.2.1/32", "192.0.2.2/32", "2001:db8::1/128", "2001:db8::2/128", "fe80::1/64"] {
        namespace.ip(&format!("address add {address} dev lo nodad"));
    }
    namespace.block_on(|| async {
        wait_for_routes(&["::1", "2001:db8::1", "2001:db8::2", "fe80::1"]).await;
        // Both wildcards on one port.
        let counters = serve(&["0.0.0.0:53", "[::]:53"], shout);
        let asked = [
            "127.0.0.1:53",
            "127.0.0.2:53",
            "192.0.2.1:53",
            "192.0.2.2:53",
            "[::1]:53",
            "[2001:db8::1]:53",
            "[2001:db8::2]:53",
            "[fe80::1%1]:53",
        ];
        for server in asked {
            // A connected socket takes replies from that address alone.
            let client = client(server, 0).await;
            client.send(b"hello").await.expect("send");
            let expected = format!("HELLO {}", client.local_addr().expect("bound").ip());
            assert_eq!(reply(&client).await.as_deref(), Some(expected.as_str()), "{server}");
        }
        let count = asked.len() as u64;
        assert_eq!((counters.received.get(), counters.answered.get()), (count, count));
    });
}

#[tokio::test]
async fn a_specific_address_is_served_as_well() {
    let socket = bind_udp("127.0.0.1:0".parse().expect("an address")).expect("bind");
    let server = socket.local_addr().expect("bound").to_string();
    tokio::spawn(serve_udp(socket, shout, Arc::default()));
    let client = client(&server, 0).await;
    client.send(b"hello").await.expect("send");
    assert_eq!(reply(&client).await.as_deref(), Some("HELLO 127.0.0.1"));
}

#[test]
fn some_messages_get_no_reply() {
    let namespace = NetworkNamespace::new();
    namespace.ip("address add 192.0.2.1/24 broadcast 192.0.2.255 dev lo");
    namespace.block_on(|| async {
        let counters = serve(&["0.0.0.0:53", "[::]:53"], shout);
        for (server, port, payload, counter) in [
            ("127.0.0.1:53", 0, "silence", &counters.silent),
            ("127.0.0.1:53", 7, "hello", &counters.reflector_port),
            ("[::1]:53", 19, "hello", &counters.reflector_port),
            ("192.0.2.255:53", 0, "hello", &counters.group_address),
            ("127.0.0.1:53", 0, "more than the buffer", &counters.send_error),
            ("127.0.0.1:53", 0, "more than UDP takes", &counters.send_error),
        ] {
            let before = (counters.received.get(), counter.get(), counters.answered.get());
            let client = client(server, port).await;
            client.send(payload.as_bytes()).await.expect("send");
            assert_eq!(reply(&client).await, None, "{payload} to {server}");
            let after = (counters.received.get(), counter.get(), counters.answered.get());
            assert_eq!(
                after,
                (before.0 + 1, before.1 + 1, before.2),
                "{payload} from port {port} to {server}"
            );
        }
        // None of them ended the task.
        let client = client("127.0.0.1:53", 0).await;
        client.send(b"hello").await.expect("send");
        assert_eq!(reply(&client).await.as_deref(), Some("HELLO 127.0.0.1"));
    });
}

/// On a single thread, a full socket must neither lose messages that it has nor keep others from running.
#[tokio::test]
async fn a_flood_is_served_in_batches() {
    let socket = bind_udp("127.0.0.1:0".parse().expect("an address")).expect("bind");
    let server = socket.local_addr().expect("bound");
    let client = std::net::UdpSocket::bind("127.0.0.1:0").expect("bind");
    for _ in 0..200 {
        client.send_to(b"hello", server).expect("send");
    }
    let counters = Arc::new(Counters::default());
    tokio::spawn(serve_udp(socket, shout, counters.clone()));
    let mut seen = Vec::new();
    while seen.last() != Some(&200) {
        tokio::task::yield_now().await;
        seen.push(counters.answered.get());
    }
    let longest = seen.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert_eq!(longest, Some(BATCH as u64), "{seen:?}");
}

#[tokio::test]
async fn bind_errors_say_what_to_do() {
    let held = bind_udp("127.0.0.1:0".parse().expect("an address")).expect("bind");
    let held = held.local_addr().map(|address| (held, address)).expect("bound");
    let this = std::fs::read_to_string("/proc/self/comm").expect("a name");
    let told = bind_udp(held.1).expect_err("in use").to_string();
    let holder = format!("UDP {} is in use by {} (process {});", held.1, this.trim(), std::process::id());
    assert!(told.contains(&holder), "{told} lacks {holder}");

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listen");
    let address = listener.local_addr().expect("bound");
    let told = bind_tcp(address).expect_err("in use").to_string();
    let holder = format!("TCP {address} is in use by {} (process {});", this.trim(), std::process::id());
    assert!(told.contains(&holder), "{told} lacks {holder}");

    let wildcard = SocketAddr::new("0.0.0.0".parse().expect("an address"), held.1.port());
    let told = bind_udp(wildcard).expect_err("in use").to_string();
    assert!(told.contains(&format!("(process {})", std::process::id())), "{told}");

    let told = bind_udp("192.0.2.1:53".parse().expect("an address")).expect_err("elsewhere").to_string();
    let expected = "dns.listen: 192.0.2.1:53 is not an address of this host; for one that moves between hosts listen \
                    on the wildcard, 0.0.0.0:53";
    assert_eq!(told, expected);
}

/// A responder of the tests: upper case, and who asked.
fn shout(buffer: &mut [u8], length: usize, client: IpAddr) -> Option<usize> {
    match &buffer[..length] {
        b"silence" => None,
        b"more than the buffer" => Some(buffer.len() + 1),
        b"more than UDP takes" => Some(buffer.len()),
        _ => {
            let reply = format!("{} {client}", String::from_utf8_lossy(&buffer[..length]).to_uppercase());
            buffer[..reply.len()].copy_from_slice(reply.as_bytes());
            Some(reply.len())
        }
    }
}

fn serve(
    addresses: &[&str],
    answer: impl FnMut(&mut [u8], usize, IpAddr) -> Option<usize> + Copy + Send + 'static,
) -> Arc<Counters> {
    let counters = Arc::new(Counters::default());
    for address in addresses {
        let socket = bind_udp(address.parse().expect("an address")).expect("bind");
        tokio::spawn(serve_udp(socket, answer, counters.clone()));
    }
    counters
}

/// A client with a source port (0: any) that talks to one server address only.
async fn client(server: &str, port: u16) -> UdpSocket {
    let server: SocketAddr = server.parse().expect("an address");
    let any = if server.is_ipv6() { "::" } else { "0.0.0.0" };
    let client = UdpSocket::bind((any, port)).await.expect("bind");
    client.set_broadcast(true).expect("allow broadcast");
    client.connect(server).await.expect("connect");
    client
}

/// The kernel adds an IPv6 address at once and the route that makes it local a moment later.
pub(super) async fn wait_for_routes(addresses: &[&str]) {
    let hex = |text: &&str| {
        let address: Ipv6Addr = text.parse().expect("an address");
        format!("{:032x} 80 ", address.to_bits())
    };
    let wanted: Vec<String> = addresses.iter().map(hex).collect();
    let installed = async {
        loop {
            let routes =
                std::fs::read_to_string("/proc/thread-self/net/ipv6_route").expect("the kernel's table");
            if wanted.iter().all(|wanted| routes.lines().any(|line| line.starts_with(wanted))) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(5), installed).await.expect("the kernel's routes");
}

async fn reply(client: &UdpSocket) -> Option<String> {
    let mut buffer = [0; 512];
    let length = timeout(PATIENCE, client.recv(&mut buffer)).await.ok()?.expect("receive");
    Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
}
