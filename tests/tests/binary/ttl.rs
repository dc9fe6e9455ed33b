//! Dynamic TTLs on the wire: nobody is told to keep an answer for longer than it can hold.

use std::{
    net::IpAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hickory_proto::rr::RecordType;

use crate::{
    backends::{Backends, address, servers},
    host::{Host, IPV4, Setup},
    question::{PATIENCE, addresses},
};

const NAME: &str = "ttl.netz";
const MOST: u32 = 30;
const PAUSE: Duration = Duration::from_millis(50);
/// TTLs are worked out once a second, and whole seconds are rounded down.
const PERIOD: Duration = Duration::from_secs(1);
const LOAD: Duration = Duration::from_secs(1);
/// From the death of a server to its verdict: an interval, two fast ones, and what a busy machine needs.
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// An answer: when it was asked for, who is in it, and for how many seconds it may be kept.
struct Told {
    at: Instant,
    addresses: Vec<IpAddr>,
    ttl: u32,
}

#[test]
fn the_ttl_is_the_time_to_the_next_possible_change() -> Result<()> {
    let clusters = format!(
        "[[cluster]]\nname = \"{NAME}\"\nttl = {MOST}\nttl_min = 1\n\
         probe = {{ port = 443, interval = \"6s\", fast_interval = \"2s\", timeout = \"200ms\" }}\n{}",
        servers("ttl", &["", ""])
    );
    let mut host = Host::new(&Setup { clusters: &clusters, ..Setup::default() })?;
    let mut backends = Backends::start(&host, 2)?;
    host.launch()?;
    host.wait_until_live(2)?;
    let client = host.client("10.10.10.10", IPV4)?;
    let ask = || -> Result<Told> {
        thread::sleep(PAUSE);
        let at = Instant::now();
        let answer = client.message(NAME, RecordType::A, PATIENCE)?.context("no answer")?;
        let ttl = answer.answers.iter().map(|record| record.ttl).max().context("an empty answer")?;
        ensure!(answer.answers.iter().all(|record| record.ttl == ttl), "{answer:?}");
        ensure!((1..=MOST).contains(&ttl), "{ttl}");
        Ok(Told { at, addresses: addresses(&answer), ttl })
    };

    // A probe in 6 s at most, and two more 2 s apart: never so much as `ttl`, and it counts down and up again.
    let calm = Instant::now() + Duration::from_secs(8);
    let mut ttls = Vec::new();
    while Instant::now() < calm {
        let told = ask()?;
        assert_eq!(told.addresses.len(), 2);
        if ttls.last() != Some(&told.ttl) {
            ttls.push(told.ttl);
        }
    }
    println!("while nothing changes: {ttls:?}");
    ensure!(ttls.iter().all(|ttl| *ttl <= 10), "probes are due within 10 s: {ttls:?}");
    ensure!(ttls.iter().max() >= Some(&4) && ttls.windows(2).any(|pair| pair[1] < pair[0]), "{ttls:?}");

    backends.close(1)?;
    let (died, dead) = (Instant::now(), IpAddr::from(address(1)));
    let mut with_the_dead = Vec::new();
    let gone = loop {
        let told = ask()?;
        if !told.addresses.contains(&dead) {
            break told.at;
        }
        with_the_dead.push(told);
        ensure!(died.elapsed() < GONE_WITHIN, "{}", host.log());
    };
    // Two of three failures are 4 s in which the verdict may come at any probe.
    ensure!(
        with_the_dead.iter().any(|told| told.ttl == 1),
        "nothing is to be kept while a server is failing"
    );
    for told in &with_the_dead {
        let kept_until = told.at + Duration::from_secs(told.ttl.into());
        ensure!(
            kept_until <= gone + PERIOD + LOAD,
            "asked {:?} before the verdict, and told to keep it for {} s",
            gone - told.at,
            told.ttl
        );
    }
    Ok(())
}
