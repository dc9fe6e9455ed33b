//! Response rate limiting and floods, on both paths.

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hickory_proto::{
    op::{Message, Query},
    rr::{Name, RecordType},
};
use tests::lab::wait;

use crate::{
    host::{CLUSTER, Host, IPV4, LIVE, NAME, Setup},
    question::PATIENCE,
};

const SOCKETS: &str = "[\"0.0.0.0:53\", \"[::]:53\"]";
/// In a second, and exempt is the last one of the far end's servers, which are in a private network.
const LIMIT: &str = "[dns.rate_limit]\nresponses_per_second = 50\nslip = 2\nexempt = [\"10.10.10.21/32\"]\nexempt_private = false\n";
/// Each client of the far end is a network by itself.
const EACH: &str = "[dns.rate_limit]\nipv4_prefix = 32\nexempt_private = false\n";
const QUERIES: usize = 500;
/// When nothing has come for so long, nothing comes.
const QUIET: Duration = Duration::from_millis(300);
/// The controller looks each second.
const TOLD: Duration = Duration::from_secs(10);
const FLOOD: Duration = Duration::from_secs(4);

#[test]
fn the_program_limits() -> Result<()> {
    limits("native", ("fast_path", ["slipped", "rate_limited"]))
}

#[test]
fn the_sockets_limit() -> Result<()> {
    limits("off", ("slow_path", ["slipped", "silent_rate_limited"]))
}

fn limits(xdp_mode: &str, (path, counters): (&str, [&str; 2])) -> Result<()> {
    let clusters = format!("{LIMIT}{CLUSTER}");
    let mut host = Host::new(&Setup { xdp_mode, listen: SOCKETS, clusters: &clusters, ..Setup::default() })?;
    host.start()?;
    let (answered, slipped) = ask_at_once(&host, "10.10.10.10")?;
    println!("{xdp_mode}: {answered} answered and {slipped} sent to TCP of {QUERIES}");
    ensure!((1..QUERIES / 2).contains(&answered), "{answered} answered");
    // About half of the others; a socket's queue may lose some of so many at once.
    let others = QUERIES - answered;
    ensure!((others / 5..others * 2 / 3).contains(&slipped), "{slipped} of {others} sent to TCP");
    for counter in counters {
        ensure!(host.counter(path, counter)? > 0, "{path}: {counter}");
    }
    // People are told of it, and of whom.
    let attempt = || {
        let status = host.tgdns(&["status"])?;
        let (status, log) = (String::from_utf8_lossy(&status.stdout).into_owned(), host.log());
        let is_told = log.contains("clients are over the rate limit")
            && status.contains("rate limit: since ")
            && status.contains("lately from 10.10.10.0/24");
        Ok(if is_told { Ok(()) } else { Err(anyhow::anyhow!("{status}\n{log}")) })
    };
    wait::until("the limit in the log and the status", TOLD, attempt)?;
    // Over TCP nobody is limited.
    for _ in 0..3 {
        ask_at_once(&host, "10.10.10.10")?;
        let reply =
            host.far.run("dig", &["-b", "10.10.10.10", &at(IPV4), NAME, "+tcp", "+tries=1", "+time=2"])?;
        ensure!(reply.contains("ANSWER: 2"), "{reply}");
    }
    // Nor who is exempt, in the same network.
    let forwarder = host.client(LIVE[1], IPV4)?;
    for turn in 0..QUERIES {
        let reply = forwarder.message(NAME, RecordType::A, PATIENCE)?;
        let is_whole = reply.is_some_and(|reply| !reply.metadata.truncation);
        ensure!(is_whole, "a forwarder that is listed is limited at its question {turn}");
    }
    Ok(())
}

/// The servers go on being probed, and other clients are answered, by the program and by the sockets, while one client floods with
/// questions that the program answers, or with such that it passes up.
#[test]
fn floods_leave_probes_and_sockets_alive() -> Result<()> {
    let clusters = format!("{EACH}{CLUSTER}");
    let mut host = Host::new(&Setup { listen: SOCKETS, clusters: &clusters, ..Setup::default() })?;
    host.start()?;
    for name in [NAME, "nobody.internet.intern.netz"] {
        let before = host.log();
        let question = question(name)?;
        let socket = socket(&host, "10.10.10.10")?;
        let server = SocketAddr::new(IPV4, 53);
        let is_over = AtomicBool::new(false);
        let (sent, asked) = thread::scope(|scope| {
            let flood = scope.spawn(|| {
                let mut sent = 0_u64;
                while !is_over.load(Ordering::Relaxed) {
                    sent += u64::from(socket.send_to(&question, server).is_ok());
                }
                sent
            });
            let asked = ask_meanwhile(&host);
            is_over.store(true, Ordering::Relaxed);
            (flood.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), asked)
        });
        let asked = asked.with_context(|| format!("{name}: {sent} queries in the flood"))?;
        println!("{name}: {sent} queries in the flood, {asked} others answered meanwhile");
        ensure!(sent > 10_000, "no flood: {sent} queries");
        host.check()?;
        let news = host.log();
        let news = news.strip_prefix(&before).unwrap_or(&news);
        ensure!(!news.contains(" down"), "a server is down for the flood: {news}");
        host.wait_until_live(2)?;
    }
    Ok(())
}

/// How many questions of another client were answered.
fn ask_meanwhile(host: &Host) -> Result<u32> {
    let (begun, mut asked) = (Instant::now(), 0);
    while begun.elapsed() < FLOOD {
        for question in [[NAME, "A", "+notcp"], [NAME, "NS", "+tcp"], [NAME, "NS", "+notcp"]] {
            let server = at(IPV4);
            let arguments =
                [&["-b", LIVE[0], server.as_str(), "+tries=2", "+time=2", "+nocookie"], &question[..]]
                    .concat();
            let reply = host.far.run("dig", &arguments)?;
            ensure!(reply.contains("status: NOERROR"), "{question:?}: {reply}");
            asked += 1;
        }
    }
    Ok(asked)
}

/// How many of many questions at once are answered, and how many of the replies say that the client is to ask over TCP.
fn ask_at_once(host: &Host, from: &str) -> Result<(usize, usize)> {
    let (socket, question) = (socket(host, from)?, question(NAME)?);
    socket.set_read_timeout(Some(QUIET))?;
    let (mut answered, mut slipped) = (0, 0);
    let mut receive = |until_quiet: bool| -> Result<()> {
        let mut buffer = [0; 512];
        socket.set_nonblocking(!until_quiet)?;
        loop {
            match socket.recv(&mut buffer) {
                Ok(length) => {
                    let flags = buffer.get(..length).and_then(|reply| reply.get(2)).context("no message")?;
                    *(if flags & 2 == 0 { &mut answered } else { &mut slipped }) += 1;
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    for _ in 0..QUERIES {
        socket.send_to(&question, SocketAddr::new(IPV4, 53))?;
        receive(false)?;
    }
    receive(true)?;
    Ok((answered, slipped))
}

fn socket(host: &Host, from: &str) -> Result<UdpSocket> {
    let from = SocketAddr::new(from.parse::<IpAddr>()?, 0);
    host.far.enter(|| UdpSocket::bind(from))?.with_context(|| format!("binding {from}"))
}

fn question(name: &str) -> Result<Vec<u8>> {
    let mut question = Message::query();
    question.add_query(Query::query(Name::from_ascii(name)?, RecordType::A));
    Ok(question.to_vec()?)
}

fn at(server: IpAddr) -> String {
    format!("@{server}")
}
