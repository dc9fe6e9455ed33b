//! A controller that hangs, or is killed, costs no answer: past `stale_after` they are what `when_stale` says, until a
//! controller is heard of again.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hickory_proto::{
    op::{Message, ResponseCode},
    rr::RecordType,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    host::{CLUSTER, Host, IPV4, LIVE, NAME, Setup},
    question::{Client, PATIENCE, ips},
};

const STALE_AFTER: Duration = Duration::from_secs(1);
/// Longer than the kernel's ticks and a busy machine take.
const SLACK: Duration = Duration::from_secs(2);
const TTL: u32 = 30;

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    rcode: ResponseCode,
    addresses: Vec<std::net::IpAddr>,
    ttl: Option<u32>,
    extended_error: Option<u16>,
}

/// Nothing where nobody answers.
type Answer = Option<Told>;

#[test]
fn held() -> Result<()> {
    let held = Told { ttl: Some(1), extended_error: Some(3), ..fresh()? };
    play("hold", Some(held))
}

#[test]
fn all_are_handed_out() -> Result<()> {
    let all = ips(&[LIVE[0], LIVE[1], "10.10.10.22"])?;
    play("all", Some(Told { addresses: all, ttl: Some(1), extended_error: Some(3), ..fresh()? }))
}

#[test]
fn servfail() -> Result<()> {
    let rcode = ResponseCode::ServFail;
    play("servfail", Some(Told { rcode, addresses: vec![], ttl: None, extended_error: Some(14) }))
}

/// There is nobody else who listens.
#[test]
fn passed() -> Result<()> {
    play("pass", None)
}

fn fresh() -> Result<Told> {
    Ok(Told { rcode: ResponseCode::NoError, addresses: ips(&LIVE)?, ttl: Some(TTL), extended_error: None })
}

/// Hangs, goes on, dies and is restarted, while a client asks all the time.
fn play(when_stale: &str, stale: Answer) -> Result<()> {
    let clusters = CLUSTER.replace("[cluster.probe]", &format!("ttl = {TTL}\n[cluster.probe]"));
    let settings = format!("stale_after = \"1s\"\nwhen_stale = \"{when_stale}\"\n");
    let mut host = Host::new(&Setup { clusters: &clusters, settings: &settings, ..Setup::default() })?;
    host.start()?;
    let client = host.client("10.10.10.10", IPV4)?;
    let fresh = Some(fresh()?);

    let observer = Observer::default();
    thread::scope(|scope| {
        let asking = scope.spawn(|| observer.ask(&client));
        let acted = act(&mut host, &observer, &fresh, &stale);
        observer.stop.store(true, Ordering::Relaxed);
        asking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        acted
    })?;

    // Each answer was one of the two, and none changed but by what was done.
    let seen: Vec<Answer> = observer.changes().into_iter().map(|(_, answer)| answer).collect();
    ensure!(seen == [&fresh, &stale, &fresh, &stale, &fresh].map(Clone::clone), "{seen:?}\n{}", host.log());
    let counted = host.counter("fast_path", if stale.is_some() { "answered_stale" } else { "stale" })?;
    ensure!(counted > 0, "none was counted");
    Ok(())
}

fn act(host: &mut Host, observer: &Observer, fresh: &Answer, stale: &Answer) -> Result<()> {
    observer.wait_for(1, fresh)?;
    let process = Pid::from_raw(host.process()?.identifier().try_into()?);
    let (hung, begun) = (kill(process, Signal::SIGSTOP), Instant::now());
    hung.context("stopping tgdns")?;
    let after = observer.wait_for(2, stale);
    kill(process, Signal::SIGCONT).context("continuing tgdns")?;
    let (after, continued) = (after?.duration_since(begun), Instant::now());
    ensure!(after < STALE_AFTER + SLACK, "stale {after:?} after it hung");
    let again = observer.wait_for(3, fresh)?.duration_since(continued);
    println!("stale {after:?} after it hung, fresh {again:?} after it went on");

    host.process()?.kill()?;
    let killed = Instant::now();
    let after = observer.wait_for(4, stale)?.duration_since(killed);
    ensure!(after < STALE_AFTER + SLACK, "stale {after:?} after it was killed");
    host.launch()?;
    let started = Instant::now();
    let again = observer.wait_for(5, fresh)?.duration_since(started);
    println!("stale {after:?} after it was killed, fresh {again:?} after the next start");
    Ok(())
}

/// What a client is told, whenever that changes.
#[derive(Default)]
struct Observer {
    changes: Mutex<Vec<(Instant, Answer)>>,
    stop: AtomicBool,
}

impl Observer {
    fn ask(&self, client: &Client) -> Result<()> {
        let mut questions = 0_u64;
        while !self.stop.load(Ordering::Relaxed) {
            let answer = client.reply(NAME, RecordType::A, true, PATIENCE)?.map(|reply| told(&reply));
            questions += 1;
            let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
            if changes.last().is_none_or(|(_, last)| *last != answer) {
                changes.push((Instant::now(), answer));
            }
        }
        println!("{questions} questions");
        Ok(())
    }

    fn changes(&self) -> Vec<(Instant, Answer)> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for so many different answers, of which the last is this one; gives when it came first.
    fn wait_for(&self, count: usize, expected: &Answer) -> Result<Instant> {
        let until = Instant::now() + Duration::from_secs(15);
        loop {
            let changes = self.changes();
            if let Some((at, answer)) = changes.get(count - 1) {
                ensure!(answer == expected, "{changes:?}");
                return Ok(*at);
            }
            ensure!(Instant::now() < until, "not told {expected:?}: {changes:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn told(reply: &Message) -> Told {
    let mut addresses: Vec<_> = reply.answers.iter().filter_map(|record| record.data.ip_addr()).collect();
    addresses.sort();
    let options = reply.edns.as_ref().map(|edns| edns.options().as_ref().to_vec()).unwrap_or_default();
    let extended_error = options.iter().find_map(|(code, option)| {
        let is_error = u16::from(*code) == 15;
        let bytes: Vec<u8> = if is_error { option.try_into().unwrap_or_default() } else { vec![] };
        Some(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]))
    });
    Told {
        rcode: reply.metadata.response_code,
        addresses,
        ttl: reply.answers.first().map(|record| record.ttl),
        extended_error,
    }
}
