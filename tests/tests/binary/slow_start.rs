//! A server that has recovered gets its share little by little.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    backends::{Backends, address, cluster},
    host::{Host, IPV4, Setup},
};

const NAME: &str = "slow.netz";
/// As the configuration has it: ten steps of a second.
const SLOW_START: Duration = Duration::from_secs(10);
const LOAD: Duration = Duration::from_secs(10);
const QUESTIONS: usize = 200;
const HALF: usize = QUESTIONS / 2;
/// Turns are counted by each processor.
const OFF: usize = 15;

#[test]
fn the_share_of_one_that_has_recovered_rises() -> Result<()> {
    let clusters = cluster("slow", "answer = \"one\"\nslow_start = \"10s\"", &["", ""]);
    let mut host = Host::new(&Setup { clusters: &clusters, ..Setup::default() })?;
    let mut backends = Backends::start(&host, 2)?;
    host.launch()?;
    host.wait_until_live(2)?;
    let client = host.client("10.10.10.10", IPV4)?;
    let returning = IpAddr::from(address(1));
    let share = || -> Result<usize> {
        let mut count = 0;
        for _ in 0..QUESTIONS {
            let told = client.in_order(NAME)?;
            let [server] = told[..] else { anyhow::bail!("one is to be told, not {told:?}") };
            count += usize::from(server == returning);
        }
        Ok(count)
    };
    let first = share()?;
    ensure!(first.abs_diff(HALF) <= OFF, "{first} of {QUESTIONS}: the first verdict is no recovery");

    backends.close(1)?;
    host.wait_until_live(1)?;
    assert_eq!(share()?, 0, "it is dead");
    backends.open(&host, 1)?;
    client.wait_for(NAME, |answer| crate::question::addresses(answer).contains(&returning))?;
    let start = Instant::now();
    let mut shares = Vec::new();
    while shares.last().is_none_or(|share: &usize| share.abs_diff(HALF) > OFF / 2) {
        shares.push(share()?);
        ensure!(start.elapsed() < SLOW_START + LOAD, "it does not rise: {shares:?}\n{}", host.log());
    }
    println!("of {QUESTIONS} answers after {:?}: {shares:?}", start.elapsed());
    let first = *shares.first().context("no shares")?;
    ensure!(first > 0 && first < HALF / 2, "it starts small: {shares:?}");
    ensure!(
        shares.iter().any(|share| (HALF / 2..HALF - OFF).contains(share)),
        "it rises in steps: {shares:?}"
    );
    let rises = shares.windows(2).all(|pair| pair[1] + OFF >= pair[0]);
    ensure!(rises, "it does not fall meanwhile: {shares:?}");
    // Later than this it has risen for good.
    assert!(start.elapsed() > SLOW_START / 2, "{:?}", start.elapsed());
    Ok(())
}
