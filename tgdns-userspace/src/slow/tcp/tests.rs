//! Real connections over loopback. Time is real as well, as the kernel's part of it cannot be paused.

use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
    time::{sleep, timeout},
};

use super::*;
use crate::{
    cluster::TcpLimits,
    network_namespace::NetworkNamespace,
    slow::{bind_tcp, tests::wait_for_routes},
};

const PATIENCE: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_millis(200);

/// Longer than a header, as every query is.
const QUERY: &[u8] = b"what is the address?";

#[test]
fn replies_come_from_the_address_that_was_asked() {
    let namespace = NetworkNamespace::new();
    for address in ["192.0.2.1/32", "192.0.2.2/32", "2001:db8::1/128", "2001:db8::2/128", "fe80::1/64"] {
        namespace.ip(&format!("address add {address} dev lo nodad"));
    }
    namespace.block_on(|| async {
        wait_for_routes(&["::1", "2001:db8::1", "2001:db8::2", "fe80::1"]).await;
        // Both wildcards on one port.
        let connections = serve(&["0.0.0.0:53", "[::]:53"], TcpLimits::default()).1;
        let asked = [
            "127.0.0.1:53",
            "192.0.2.1:53",
            "192.0.2.2:53",
            "[::1]:53",
            "[2001:db8::1]:53",
            "[2001:db8::2]:53",
            "[fe80::1%1]:53",
        ];
        for server in asked {
            let mut client = connect(server.parse().expect("an address")).await;
            send(&mut client, QUERY).await;
            let own = client.local_addr().expect("bound").ip();
            assert_eq!(receive(&mut client).await, Some(format!("WHAT IS THE ADDRESS? {own}")), "{server}");
        }
        let counters = &connections.counters;
        assert_eq!((counters.accepted.get(), counters.answered.get()), (7, 7));
    });
}

#[tokio::test]
async fn a_segment_of_queries_is_answered_in_order_and_in_one_segment() {
    let (server, connections) = serve_one(TcpLimits::default());
    let mut client = connect(server).await;
    let queries = (0..50).flat_map(|number| framed(format!("query number {number}").as_bytes()));
    client.write_all(&queries.collect::<Vec<_>>()).await.expect("send");
    let replies = (0..50).flat_map(|number| framed(format!("QUERY NUMBER {number} 127.0.0.1").as_bytes()));
    let replies: Vec<u8> = replies.collect();
    let mut received = vec![0; replies.len() + 1];
    let length = timeout(PATIENCE, client.read(&mut received)).await.expect("replies").expect("receive");
    assert_eq!(received.get(..length), Some(replies.as_slice()));
    // The connection may be used on.
    send(&mut client, QUERY).await;
    assert!(receive(&mut client).await.is_some());
    assert_eq!((connections.counters.received.get(), connections.counters.answered.get()), (51, 51));
}

#[tokio::test]
async fn queries_may_arrive_byte_by_byte() {
    let (server, _) = serve_one(TcpLimits::default());
    let mut client = connect(server).await;
    for byte in [framed(QUERY), framed(QUERY)].concat() {
        client.write_all(&[byte]).await.expect("send");
        sleep(Duration::from_millis(1)).await;
    }
    for _ in 0..2 {
        assert_eq!(receive(&mut client).await.as_deref(), Some("WHAT IS THE ADDRESS? 127.0.0.1"));
    }
}

#[tokio::test]
async fn the_longest_messages() {
    let (server, _) = serve_one(TcpLimits::default());
    let mut client = connect(server).await;
    let query = [b"echo".as_slice(), &vec![b'x'; 65_531]].concat();
    for _ in 0..3 {
        send(&mut client, &query).await;
        assert_eq!(receive(&mut client).await.map(String::into_bytes).as_ref(), Some(&query));
    }
}

#[tokio::test]
async fn a_client_that_has_closed_its_half_gets_its_replies() {
    let (server, connections) = serve_one(TcpLimits::default());
    let counters = &connections.counters;
    for (last, expected) in [(&framed(QUERY)[..], 3), (&[0][..], 2), (&[0, 20, b'w'][..], 2)] {
        let mut client = connect(server).await;
        client.write_all(&[&framed(QUERY), &framed(QUERY), last].concat()).await.expect("send");
        client.shutdown().await.expect("close");
        for _ in 0..expected {
            assert!(receive(&mut client).await.is_some(), "{last:?}");
        }
        assert_eq!(receive(&mut client).await, None, "{last:?}");
    }
    assert_eq!((counters.closed.get(), counters.cut_off.get()), (1, 2));
}

#[tokio::test]
async fn a_message_without_a_reply_ends_the_connection_after_the_replies_before_it() {
    let (server, connections) = serve_one(TcpLimits::default());
    let counters = &connections.counters;
    for (message, counter) in [
        (b"silence, please".as_slice(), &counters.silent),
        (b"more than fits into the buffer", &counters.silent),
        (b"11 bytes...", &counters.short),
        (b"", &counters.short),
    ] {
        let before = counter.get();
        let mut client = connect(server).await;
        client.write_all(&[framed(QUERY), framed(message)].concat()).await.expect("send");
        assert!(receive(&mut client).await.is_some(), "{message:?}");
        assert_eq!(receive(&mut client).await, None, "{message:?}");
        assert_eq!(counter.get(), before + 1, "{message:?}");
    }
    assert_eq!((counters.received.get(), counters.answered.get()), (8, 4));
}

#[tokio::test]
async fn a_client_without_a_whole_query_is_shown_out_in_time() {
    let (server, connections) = serve_one(limits(10, 10));
    let counters = &connections.counters;
    let start = Instant::now();
    let mut silent = connect(server).await;
    let mut slow = connect(server).await;
    let mut busy = connect(server).await;
    let dribble = async {
        // The first two are the length.
        while slow.write_all(&[1]).await.is_ok() {
            sleep(IDLE / 20).await;
        }
        start.elapsed()
    };
    let wait = async {
        assert_eq!(receive(&mut silent).await, None);
        start.elapsed()
    };
    let work = async {
        while start.elapsed() < 2 * IDLE {
            send(&mut busy, QUERY).await;
            assert!(receive(&mut busy).await.is_some());
            sleep(IDLE / 4).await;
        }
    };
    let (dribbled, waited, ()) = tokio::join!(dribble, wait, work);
    assert!((IDLE..4 * IDLE).contains(&waited), "{waited:?}");
    assert!((IDLE..4 * IDLE).contains(&dribbled), "{dribbled:?}");
    assert_eq!((counters.timed_out.get(), counters.cut_off.get()), (2, 0));
}

#[tokio::test]
async fn a_client_that_does_not_take_its_replies_costs_little_and_ends() {
    let (server, connections) = serve_one(limits(10, 10));
    let counters = &connections.counters;
    let socket = TcpSocket::new_v4().expect("socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut greedy = socket.connect(server).await.expect("connect");
    let mut other = connect(server).await;
    let start = Instant::now();
    let pour = async {
        let queries = framed(b"large replies, please").repeat(100);
        while greedy.write_all(&queries).await.is_ok() {}
        start.elapsed()
    };
    let work = async {
        let mut longest = Duration::ZERO;
        while counters.not_taken.get() == 0 && start.elapsed() < PATIENCE {
            let asked = Instant::now();
            send(&mut other, QUERY).await;
            assert!(receive(&mut other).await.is_some());
            longest = longest.max(asked.elapsed());
            sleep(Duration::from_millis(1)).await;
        }
        longest
    };
    let (poured, longest) = tokio::join!(pour, work);
    assert!((IDLE..4 * IDLE).contains(&poured), "{poured:?}");
    assert!(longest < IDLE / 2, "{longest:?}");
    assert_eq!(counters.not_taken.get(), 1);
    // Of thousands of replies of 60,000 bytes only those were made that the kernel took, and one more.
    assert!(LARGE_REPLIES.load(Ordering::Relaxed) < 8);
}

#[tokio::test]
async fn a_flood_is_answered_in_turns() {
    let (server, connections) = serve_one(TcpLimits::default());
    let mut client = std::net::TcpStream::connect(server).expect("connect");
    client.write_all(&framed(QUERY).repeat(1000)).expect("send");
    let mut seen = Vec::new();
    while seen.last() != Some(&1000) {
        tokio::task::yield_now().await;
        seen.push(connections.counters.answered.get());
    }
    let longest = seen.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(longest.is_some_and(|longest| longest <= 4096 / 22 + 1), "{seen:?}");
}

#[tokio::test]
async fn a_client_that_has_its_share_is_closed_at_once() {
    let (server, connections) = serve_one(limits(10, 3));
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(connect(server).await);
    }
    // Whether the client sees the end before it sees the connection is chance.
    if let Ok(mut fourth) = TcpStream::connect(server).await {
        assert_eq!(receive(&mut fourth).await, None);
    }
    // Another client, and the same one with a connection less.
    let socket = TcpSocket::new_v4().expect("socket");
    socket.bind("127.0.0.2:0".parse().expect("an address")).expect("bind");
    let mut other = socket.connect(server).await.expect("connect");
    send(&mut other, QUERY).await;
    assert!(receive(&mut other).await.is_some());
    drop(held.pop());
    wait_until(|| connections.counters.closed.get() == 1).await;
    let mut fifth = connect(server).await;
    send(&mut fifth, QUERY).await;
    assert!(receive(&mut fifth).await.is_some());
    assert_eq!(connections.counters.refused.get(), 1);
}

#[tokio::test]
async fn a_newcomer_gets_the_place_of_whoever_has_been_idle_longest() {
    let (server, connections) = serve_one(TcpLimits { idle_timeout: PATIENCE, ..limits(5, 100) });
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(connect(server).await);
    }
    // The first is the last to have done something.
    send(&mut held[0], QUERY).await;
    assert!(receive(&mut held[0]).await.is_some());
    for _ in 0..4 {
        let mut newcomer = connect(server).await;
        send(&mut newcomer, QUERY).await;
        assert!(receive(&mut newcomer).await.is_some());
        held.push(newcomer);
    }
    assert_eq!(connections.counters.evicted.get(), 4);
    for evicted in &mut held[1..5] {
        assert_eq!(receive(evicted).await, None);
    }
    send(&mut held[0], QUERY).await;
    assert!(receive(&mut held[0]).await.is_some());
}

#[tokio::test]
async fn silent_clients_cost_others_nothing() {
    allow_descriptors(4096);
    let (server, _) = serve_one(TcpLimits { idle_timeout: PATIENCE, ..limits(1000, 1000) });
    let mut busy = connect(server).await;
    let mut silent = Vec::new();
    for _ in 0..500 {
        let mut client = connect(server).await;
        client.write_all(&framed(QUERY)[..10]).await.expect("send");
        silent.push(client);
    }
    let start = Instant::now();
    for _ in 0..500 {
        send(&mut busy, QUERY).await;
        assert!(receive(&mut busy).await.is_some());
    }
    let each = start.elapsed() / 500;
    assert!(each < Duration::from_millis(2), "{each:?}");
}

#[tokio::test]
async fn dropping_the_server_closes_its_connections() {
    let listener = bind_tcp("127.0.0.1:0".parse().expect("an address")).expect("bind");
    let address = listener.local_addr().expect("bound");
    let connections = Arc::new(Connections::new(TcpLimits::default(), Arc::default()));
    let server = tokio::spawn(serve_tcp(listener, shout, connections));
    let mut client = connect(address).await;
    send(&mut client, QUERY).await;
    assert!(receive(&mut client).await.is_some());
    server.abort();
    assert_eq!(receive(&mut client).await, None);
    // Its port is free at once, although the connection lingers.
    bind_tcp(address).expect("bind again");
}

#[test]
fn memory_does_not_grow_with_connections() {
    by_itself("memory");
}

#[test]
fn want_of_descriptors_neither_spins_nor_keeps_newcomers_out() {
    by_itself("want_of_descriptors");
}

/// The parts of the tests above that measure the whole process.
mod alone {
    use super::*;

    #[tokio::test]
    #[ignore = "run by memory_does_not_grow_with_connections"]
    async fn memory() {
        allow_descriptors(8192);
        let (server, connections) = serve_one(TcpLimits { idle_timeout: PATIENCE, ..limits(3000, 3000) });
        let counters = &connections.counters;
        let query = [b"echo".as_slice(), &vec![b'x'; 16_000]].concat();
        let visit = || async {
            let mut client = connect(server).await;
            send(&mut client, &query).await;
            assert!(receive(&mut client).await.is_some());
            client
        };
        for _ in 0..100 {
            visit().await;
        }
        let before = resident();
        for _ in 0..2000 {
            visit().await;
        }
        let grown = resident().saturating_sub(before);
        let mut held = Vec::new();
        for _ in 0..2000 {
            held.push(visit().await);
        }
        let each = resident().saturating_sub(before) / 2000;
        println!(
            "2000 connections in turn: {grown} bytes; 2000 at a time: {each} bytes each, with their clients"
        );
        assert!(grown < 512 * 1024, "{grown} bytes");
        assert!(each < 4096, "{each} bytes");
        drop(held);
        wait_until(|| counters.closed.get() == counters.accepted.get()).await;
    }

    #[tokio::test]
    #[ignore = "run by want_of_descriptors_neither_spins_nor_keeps_newcomers_out"]
    async fn want_of_descriptors() {
        let listener = bind_tcp("127.0.0.1:0".parse().expect("an address")).expect("bind");
        let address = listener.local_addr().expect("bound");
        let mut clients: Vec<_> =
            (0..30).map(|_| std::net::TcpStream::connect(address).expect("connect")).collect();
        let open = std::fs::read_dir("/proc/self/fd").expect("descriptors").count() as u64;
        allow_descriptors(open + 5);
        let connections = Arc::new(Connections::new(TcpLimits::default(), Arc::default()));
        tokio::spawn(serve_tcp(listener, shout, connections.clone()));
        let start = Instant::now();
        wait_until(|| connections.counters.accepted.get() == 30).await;
        let errors = connections.counters.accept_error.get();
        let most = u64::try_from(start.elapsed().as_millis()).expect("short") / 10 + 2;
        assert!((1..=most).contains(&errors), "{errors} errors in {:?}", start.elapsed());
        assert!(connections.counters.evicted.get() >= 20);
        let last = clients.last_mut().expect("a client");
        last.write_all(&framed(QUERY)).expect("send");
        wait_until(|| connections.counters.answered.get() == 1).await;
        last.read_exact(&mut [0; 2]).expect("a reply");
    }
}

/// Runs a test of `alone` in a process of its own.
fn by_itself(test: &str) {
    let name = format!("slow::tcp::tests::alone::{test}");
    let program = std::env::current_exe().expect("this program");
    let output =
        Command::new(program).args(["--ignored", "--exact", &name, "--nocapture"]).output().expect("run");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    print!("{text}");
}

static LARGE_REPLIES: AtomicU64 = AtomicU64::new(0);

/// A responder of the tests: upper case, and who asked.
fn shout(buffer: &mut [u8], length: usize, client: IpAddr) -> Option<usize> {
    let query = &buffer[..length];
    if query.starts_with(b"silence") {
        None
    } else if query.starts_with(b"more") {
        Some(buffer.len() + 1)
    } else if query.starts_with(b"echo") {
        Some(length)
    } else if query.starts_with(b"large") {
        LARGE_REPLIES.fetch_add(1, Ordering::Relaxed);
        Some(60_000)
    } else {
        let reply = format!("{} {client}", String::from_utf8_lossy(query).to_uppercase());
        buffer[..reply.len()].copy_from_slice(reply.as_bytes());
        Some(reply.len())
    }
}

fn limits(connections: u32, connections_per_client: u32) -> TcpLimits {
    TcpLimits { connections, connections_per_client, idle_timeout: IDLE }
}

fn serve(addresses: &[&str], limits: TcpLimits) -> (Vec<SocketAddr>, Arc<Connections>) {
    let connections = Arc::new(Connections::new(limits, Arc::default()));
    let serve = |address: &&str| {
        let listener = bind_tcp(address.parse().expect("an address")).expect("bind");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(serve_tcp(listener, shout, connections.clone()));
        address
    };
    (addresses.iter().map(serve).collect(), connections)
}

fn serve_one(limits: TcpLimits) -> (SocketAddr, Arc<Connections>) {
    let (addresses, connections) = serve(&["127.0.0.1:0"], limits);
    (addresses[0], connections)
}

async fn connect(server: SocketAddr) -> TcpStream {
    let client = timeout(PATIENCE, TcpStream::connect(server)).await.expect("in time").expect("connect");
    client.set_nodelay(true).expect("no delay");
    client
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).expect("short").to_be_bytes(), message].concat()
}

async fn send(client: &mut TcpStream, message: &[u8]) {
    client.write_all(&framed(message)).await.expect("send");
}

/// The next reply, or nothing where the connection has ended.
async fn receive(client: &mut TcpStream) -> Option<String> {
    let receive = async {
        let length = client.read_u16().await.ok()?;
        let mut message = vec![0; usize::from(length)];
        client.read_exact(&mut message).await.expect("a whole message");
        Some(String::from_utf8(message).expect("text"))
    };
    timeout(PATIENCE, receive).await.expect("a reply or an end")
}

async fn wait_until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("in time");
}

fn allow_descriptors(count: u64) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit");
    setrlimit(Resource::RLIMIT_NOFILE, count, hard).expect("set the limit");
}

/// Bytes of memory that the process has.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.split_whitespace()
        .next()
        .and_then(|kibibytes| kibibytes.parse().ok())
        .map_or(0, |kib: usize| kib * 1024)
}
