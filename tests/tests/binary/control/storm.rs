//! A hundred clients that ask for the status of 2,000 servers as fast as they get it.

use std::{
    fmt::{self, Write as _},
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hickory_proto::rr::RecordType;
use serde_json::json;

use crate::{
    host::{CLUSTER, Host, IPV4, LIVE, NAME, Setup},
    question::{Client, PATIENCE, ips},
};

const CLIENTS: usize = 100;
/// Of them, in clusters of so many, nobody listens.
const SERVERS: usize = 2_000;
const SERVERS_EACH: usize = 50;
const DRAINS: usize = 15;
/// What can only fail by never coming: so many servers start slowly on a busy machine.
const AT_MOST: Duration = Duration::from_secs(60);
/// So much later at most, at the median, is a drain acknowledged. It takes seconds where each client's text is made by itself.
const DISTURBANCE: Duration = Duration::from_millis(400);

#[test]
fn a_hundred_readers_of_a_long_status_disturb_nobody() -> Result<()> {
    let mut clusters = CLUSTER.to_owned();
    for cluster in 0..SERVERS / SERVERS_EACH {
        let part =
            format!("{{ name = \"c{cluster}\", first = \"127.1.{cluster}.1\", count = {SERVERS_EACH} }}");
        write!(clusters, "[[cluster]]\nname = \"c{cluster}.netz\"\nprobe.port = 9\npart = [{part}]\n")?;
    }
    let mut host = Host::new(&Setup { clusters: &clusters, ..Setup::default() })?;
    host.launch()?;
    let client = host.client(LIVE[0], IPV4)?;
    until(&client, &LIVE).with_context(|| host.log())?;
    let alone = Drains::measure(&host, &client)?;
    let (stop, texts) = (AtomicBool::new(false), AtomicU64::new(0));
    let disturbed = thread::scope(|scope| {
        for _ in 0..CLIENTS {
            let path = host.control();
            scope.spawn(|| poll(path, &stop, &texts));
        }
        let disturbed = warm_up(&texts).and_then(|()| Drains::measure(&host, &client));
        stop.store(true, Ordering::Relaxed);
        disturbed
    })
    .with_context(|| host.log())?;
    println!("alone: {alone}\nwith {CLIENTS} readers, who got {} texts: {disturbed}", texts.into_inner());
    let [alone, with] = [&alone, &disturbed].map(|drains| drains.acknowledged[DRAINS / 2]);
    ensure!(with < 2 * alone + DISTURBANCE, "acknowledged after {with:?}, alone after {alone:?}");
    host.check()
}

/// Until each client has its first text.
fn warm_up(texts: &AtomicU64) -> Result<()> {
    tests::lab::wait::until("each client is told once", AT_MOST, || {
        let texts = texts.load(Ordering::Relaxed);
        Ok(if texts < CLIENTS as u64 { Err(anyhow::anyhow!("{texts} texts")) } else { Ok(()) })
    })
    .map(drop)
}

/// Whoever is shown out comes again.
fn poll(path: impl AsRef<Path>, stop: &AtomicBool, texts: &AtomicU64) {
    let mut line = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let Ok(stream) = UnixStream::connect(&path) else { continue };
        let mut stream = BufReader::with_capacity(1 << 16, stream);
        while !stop.load(Ordering::Relaxed) {
            line.clear();
            let asked = stream.get_mut().write_all(b"{\"command\":\"status\"}\n");
            if asked.and_then(|()| stream.read_until(b'\n', &mut line)).is_err() || line.is_empty() {
                break;
            }
            texts.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// How long they took from the request, sorted.
struct Drains {
    on_the_wire: Vec<Duration>,
    acknowledged: Vec<Duration>,
}

impl Drains {
    fn measure(host: &Host, client: &Client) -> Result<Self> {
        let (mut on_the_wire, mut acknowledged) = (Vec::new(), Vec::new());
        for _ in 0..DRAINS {
            let start = Instant::now();
            let mut control = ask(host, "drain")?;
            until(client, &LIVE[..1])?;
            on_the_wire.push(start.elapsed());
            is_done(&mut control)?;
            acknowledged.push(start.elapsed());
            is_done(&mut ask(host, "ready")?)?;
            until(client, &LIVE)?;
        }
        on_the_wire.sort();
        acknowledged.sort();
        Ok(Self { on_the_wire, acknowledged })
    }
}

impl fmt::Display for Drains {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { on_the_wire, acknowledged } = self;
        let told =
            |took: &[Duration]| format!("{:?} (median), {:?} (worst)", took[DRAINS / 2], took[DRAINS - 1]);
        write!(
            formatter,
            "on the wire within {}, acknowledged within {}",
            told(on_the_wire),
            told(acknowledged)
        )
    }
}

fn ask(host: &Host, state: &str) -> Result<BufReader<UnixStream>> {
    let mut control = UnixStream::connect(host.control())?;
    writeln!(control, "{}", json!({ "command": "admin", "state": state, "servers": ["internet-2"] }))?;
    Ok(BufReader::new(control))
}

fn is_done(control: &mut BufReader<UnixStream>) -> Result<()> {
    let mut reply = String::new();
    control.read_line(&mut reply)?;
    ensure!(reply.starts_with("{\"ok\":"), "{reply}");
    Ok(())
}

fn until(client: &Client, expected: &[&str]) -> Result<()> {
    let (start, expected) = (Instant::now(), ips(expected)?);
    while client.ask(NAME, RecordType::A, PATIENCE)?.as_ref() != Some(&expected) {
        ensure!(start.elapsed() < AT_MOST, "not {expected:?}");
    }
    Ok(())
}
