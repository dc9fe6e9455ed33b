use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use tokio::{
    net::{TcpListener, TcpStream},
    time::Instant,
};

use super::*;
use crate::{
    cluster::{Alias, Answer, Join, Probe, ProbeLimits, Server, Tcp},
    health::{Health, ServerHealth},
};

/// What the promise of detection allows for timers and the event loop.
const SLACK: Duration = Duration::from_millis(50);

const INTERVAL: Duration = Duration::from_millis(200);
const FAST_INTERVAL: Duration = Duration::from_millis(40);
const TIMEOUT: Duration = Duration::from_millis(200);
const RISE: u32 = 2;
const FALL: u32 = 3;
const JITTER: f64 = 0.05;

#[tokio::test]
async fn the_first_round_starts_at_once_and_in_parallel() {
    let (_listener, open) = Listening::start(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).await;
    let servers: Vec<IpAddr> = (1..=20).map(|last| Ipv4Addr::new(127, 0, 0, last).into()).collect();
    let stalls = Stalls::start();
    let start = std::time::Instant::now();
    let mut outcomes = Outcomes::of(&servers, open.port());
    let mut first = BTreeMap::new();
    while first.len() < servers.len() {
        let probed = outcomes.receiver.recv().await.expect("probes run for ever");
        first.insert(probed.target, (probed.started, probed.outcome));
    }
    for (Target(server), (started, outcome)) in first {
        let after = stalls.deducted_from(started - start);
        assert!(after < SLACK, "server {server} after {after:?}");
        // The listener has only the first of these addresses.
        match outcome.expect("this host can probe") {
            Outcome::Success { took, .. } => {
                let took = stalls.deducted_from(took);
                assert!(server == 0 && took < SLACK, "{server} took {took:?}");
            }
            Outcome::Failure { cause, .. } => {
                assert_eq!((server > 0, cause.as_str()), (true, "connection refused"))
            }
        }
    }
}

#[tokio::test]
async fn a_closed_port_and_its_return_are_detected_in_time() {
    for address in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
        let (listening, at) = Listening::start(SocketAddr::new(address, 0)).await;
        let mut outcomes = Outcomes::of(&[address], at.port());
        let mut health = ServerHealth::new(Join::All, &server(address, at.port()));
        let waited = outcomes.until(&mut health, Health::Up).await;
        assert!(waited <= FAST_INTERVAL * (RISE - 1) + SLACK, "first verdict after {waited:?}");
        let mut listening = Some(listening);
        for round in 0..4 {
            // Another phase of the interval each time.
            outcomes.watch_for(&mut health, INTERVAL * round / 4).await;
            drop(listening.take());
            let gone = outcomes.until(&mut health, Health::Down).await;
            assert!(gone <= INTERVAL + FAST_INTERVAL * (FALL - 1) + SLACK, "gone after {gone:?}");

            outcomes.watch_for(&mut health, INTERVAL * round / 4).await;
            listening = Some(Listening::start(at).await.0);
            let back = outcomes.until(&mut health, Health::Up).await;
            assert!(back <= INTERVAL + FAST_INTERVAL * (RISE - 1) + SLACK, "back after {back:?}");
        }
    }
}

#[tokio::test]
async fn intervals_run_from_start_to_start_and_are_only_shortened() {
    let (_listening, at) = Listening::start(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).await;
    let mut outcomes = Outcomes::of(&[at.ip()], at.port());
    let wanted = Duration::from_millis(100);
    let stalls = Stalls::start();
    let mut starts = Vec::new();
    for _ in 0..9 {
        let probed = outcomes.receiver.recv().await.expect("probes run for ever");
        starts.push(probed.started);
        probed.answer(wanted);
    }
    // The interval got longer with the first answer, so the first one is a part of it.
    starts.remove(0);
    for pair in starts.windows(2) {
        let interval = pair[1] - pair[0];
        assert!(interval >= wanted.mul_f64(1.0 - JITTER), "{interval:?}");
        let interval = stalls.deducted_from(interval);
        assert!(interval <= wanted + Duration::from_millis(20), "{interval:?}");
    }
}

#[tokio::test]
async fn a_silent_server_is_probed_on_while_answers_are_pending() {
    let silent = Silent::start();
    let mut outcomes = Outcomes::of(&[silent.at.ip()], silent.at.port());
    let stalls = Stalls::start();
    let mut starts = Vec::new();
    for _ in 0..6 {
        let probed = outcomes.receiver.recv().await.expect("probes run for ever");
        assert_eq!(probed.outcome, Ok(Outcome::failure("timed out after 200ms")));
        starts.push(probed.started);
        probed.answer(FAST_INTERVAL);
    }
    assert!(starts.is_sorted(), "outcomes come in the order of the starts");
    // Three at the fast interval; the others are due by then and start as these end, without another interval.
    let expected = [0, 1, 2].map(|number| FAST_INTERVAL * number);
    let expected = expected.into_iter().chain(expected.map(|start| TIMEOUT + start));
    for (start, expected) in starts.iter().zip(expected) {
        let start = stalls.deducted_from(*start - starts[0]);
        assert!(start <= expected + Duration::from_millis(20), "{start:?} in place of {expected:?}");
    }
}

#[tokio::test]
async fn an_outcome_that_nobody_answers_is_followed_by_the_ordinary_interval() {
    let (_listening, at) = Listening::start(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).await;
    let mut outcomes = Outcomes::of(&[at.ip()], at.port());
    let stalls = Stalls::start();
    // The first interval is a part of the ordinary one.
    drop(outcomes.receiver.recv().await.expect("a first outcome"));
    let first = outcomes.receiver.recv().await.expect("a second outcome").started;
    let second = outcomes.receiver.recv().await.expect("a third outcome").started;
    let interval = second - first;
    assert!(interval >= INTERVAL.mul_f64(1.0 - JITTER), "{interval:?}");
    let interval = stalls.deducted_from(interval);
    assert!(interval <= INTERVAL + SLACK, "{interval:?}");
}

#[tokio::test]
async fn dropping_the_probes_ends_them() {
    let (_listening, at) = Listening::start(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).await;
    let Outcomes { probes, mut receiver } = Outcomes::of(&[at.ip()], at.port());
    receiver.recv().await.expect("a first outcome").answer(FAST_INTERVAL);
    drop(probes);
    let end = async { while receiver.recv().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(5), end)
        .await
        .expect("the channel closes when its last sender is gone");
}

/// A replaced configuration: whoever stays keeps the pace, whoever goes is silent, whoever comes starts at once.
#[tokio::test]
async fn only_what_differs_is_ended_and_started() {
    let (_listener, open) = Listening::start(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).await;
    const SLOW: Duration = Duration::from_secs(60);
    let mut cluster = cluster(&[1, 2, 3].map(|last| Ipv4Addr::new(127, 0, 0, last).into()), open.port());
    for probe in cluster.servers.iter_mut().flat_map(|server| &mut server.probes) {
        (probe.interval, probe.fast_interval) = (SLOW, SLOW);
    }
    let all: Vec<_> = targets(&cluster).collect();
    let (sender, mut receiver) = mpsc::channel(64);
    let mut probes = Probes::new(sender, Arc::new(Pace::new(ProbeLimits::default())));
    let mut count = async |probes: &mut Probes, wanted: &[usize]| {
        probes.follow(wanted.iter().map(|place| all[*place]));
        let mut heard = Vec::new();
        while let Ok(Some(probed)) = tokio::time::timeout(SLACK * 4, receiver.recv()).await {
            heard.push(probed.target.0);
            probed.answer(SLOW);
        }
        heard.sort_unstable();
        heard
    };
    for (wanted, started) in
        [(&[0, 1, 0][..], &[0, 1][..]), (&[1, 2], &[2]), (&[1, 2, 1, 2], &[]), (&[0], &[0]), (&[], &[])]
    {
        assert_eq!(count(&mut probes, wanted).await, started, "{wanted:?}");
    }
}

/// Three rounds each of thirty silent servers want to be under way, and ten may.
#[tokio::test]
async fn no_more_are_under_way_than_may_be() {
    let silent = Silent::start();
    let mut cluster = cluster(&[silent.at.ip(); 30], silent.at.port());
    for probe in cluster.servers.iter_mut().flat_map(|server| &mut server.probes) {
        probe.timeout = Duration::from_millis(50);
    }
    let (sender, mut receiver) = mpsc::channel(64);
    let limits = ProbeLimits { at_once: 10, ..ProbeLimits::default() };
    let mut probes = Probes::new(sender, Arc::new(Pace::new(limits)));
    probes.follow(targets(&cluster));
    let mut heard = BTreeMap::new();
    while heard.len() < 30 || heard.values().any(|count| *count < 2) {
        let probed = receiver.recv().await.expect("probes run for ever");
        *heard.entry(probed.target).or_insert(0) += 1;
        assert_eq!(probed.outcome, Ok(Outcome::failure("timed out after 50ms")));
        probed.answer(FAST_INTERVAL);
    }
    let pace = probes.pace();
    assert_eq!(pace.most_under_way, 10, "{pace:?}");
    // Whoever waited is late by several rounds of the others.
    assert!(pace.latest_microseconds >= 50_000, "{pace:?}");
}

/// The event loop's end of the channel.
struct Outcomes {
    probes: Probes,
    receiver: mpsc::Receiver<Probed>,
}

impl Outcomes {
    fn of(addresses: &[IpAddr], port: u16) -> Self {
        let (sender, receiver) = mpsc::channel(64);
        let mut probes = Probes::new(sender, Arc::new(Pace::new(ProbeLimits::default())));
        probes.follow(targets(&cluster(addresses, port)));
        Self { probes, receiver }
    }

    /// How long it takes until health is this, without the machine's stalls.
    async fn until(&mut self, health: &mut ServerHealth, wanted: Health) -> Duration {
        let (start, stalls) = (Instant::now(), Stalls::start());
        while health.health() != wanted {
            self.observe(health).await;
        }
        stalls.deducted_from(start.elapsed())
    }

    async fn watch_for(&mut self, health: &mut ServerHealth, duration: Duration) {
        let watching = async {
            loop {
                self.observe(health).await;
            }
        };
        let _: Result<(), _> = tokio::time::timeout(duration, watching).await;
    }

    async fn observe(&mut self, health: &mut ServerHealth) {
        let probed = self.receiver.recv().await.expect("probes run for ever");
        health.observe(0, probed.outcome.as_ref().expect("this host can probe"), std::time::Instant::now());
        probed.answer(health.probes()[0].next_interval(&probe(0)));
    }
}

/// How long the machine kept this thread from running: time that is not the prober's.
struct Stalls {
    total: Arc<Mutex<Duration>>,
    metronome: tokio::task::JoinHandle<()>,
}

impl Stalls {
    fn start() -> Self {
        const BEAT: Duration = Duration::from_millis(1);
        // A timer's grain, and others' turns on the thread.
        const TOLERATED: Duration = Duration::from_millis(4);
        let total = Arc::new(Mutex::new(Duration::ZERO));
        let counted = total.clone();
        let metronome = tokio::spawn(async move {
            loop {
                let beat = Instant::now();
                tokio::time::sleep(BEAT).await;
                let late = beat.elapsed().saturating_sub(BEAT);
                if late > TOLERATED {
                    *counted.lock().expect("no panic") += late;
                }
            }
        });
        Self { total, metronome }
    }

    fn deducted_from(&self, duration: Duration) -> Duration {
        duration.saturating_sub(*self.total.lock().expect("no panic"))
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        self.metronome.abort();
    }
}

/// A server on the loopback interface that does the same with each connection; gives its address.
pub(super) async fn serve<F: Future<Output = ()> + Send + 'static>(
    each: impl Fn(TcpStream) -> F + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(each(stream));
        }
    });
    address
}

/// A server that accepts connections until it is dropped.
struct Listening(tokio::task::JoinHandle<()>);

impl Listening {
    async fn start(at: SocketAddr) -> (Self, SocketAddr) {
        let listener = TcpListener::bind(at).await.expect("bind");
        let at = listener.local_addr().expect("bound");
        let accepting = async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(stream);
            }
        };
        (Self(tokio::spawn(accepting)), at)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A server that lets connections time out: its queue is full and nobody accepts.
struct Silent {
    at: SocketAddr,
    _listener: socket2::Socket,
    _queued: Vec<socket2::Socket>,
}

impl Silent {
    fn start() -> Self {
        let stream =
            || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("socket");
        let listener = stream();
        listener.bind(&SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0).into()).expect("bind");
        listener.listen(0).expect("listen");
        let at = listener.local_addr().expect("bound").as_socket().expect("IPv4");
        let mut queued = Vec::new();
        loop {
            let client = stream();
            let connected = client.connect_timeout(&at.into(), Duration::from_millis(50));
            queued.push(client);
            if connected.is_err() {
                return Self { at, _listener: listener, _queued: queued };
            }
        }
    }
}

fn cluster(addresses: &[IpAddr], port: u16) -> Cluster {
    Cluster {
        name_servers: Vec::new(),
        name: "internet.intern.netz".into(),
        ttl: 1,
        ttl_min: None,
        negative_ttl: 5,
        policy: crate::cluster::Policy::default(),
        answer: Answer::All,
        probes: vec![probe(port)],
        join: Join::All,
        servers: addresses.iter().map(|address| server(*address, port)).collect(),
    }
}

fn server(address: IpAddr, port: u16) -> Server {
    Server {
        part: None,
        name: address.to_string(),
        address,
        weight: 1,
        tier: 1,
        alias: Alias::Own,
        view_aliases: Vec::new(),
        probes: vec![probe(port)],
    }
}

fn probe(port: u16) -> Probe {
    Probe {
        interval: INTERVAL,
        fast_interval: FAST_INTERVAL,
        slow_interval: INTERVAL,
        timeout: TIMEOUT,
        rise: RISE,
        fall: FALL,
        ..Probe::new(ProbeKind::Tcp(Tcp::default()), port)
    }
}

/// The servers of a cluster, numbered from 0.
fn targets(cluster: &Cluster) -> impl Iterator<Item = (Target, &Cluster, &Server)> {
    (0..).map(Target).zip(&cluster.servers).map(move |(target, server)| (target, cluster, server))
}
