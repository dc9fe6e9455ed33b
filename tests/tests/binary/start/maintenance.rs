//! A server is worked on while no controller runs.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tests::lab::wait;

use super::{AT_MOST, answered, slow_by_sockets};
use crate::host::LIVE;

/// Nobody has looked at it since: three probes a second apart have to succeed before it is handed out.
#[test]
fn who_was_worked_on_meanwhile_is_probed_first() -> Result<()> {
    let (mut host, client) = slow_by_sockets()?;
    let output = host.tgdns(&["maint", "internet-2", "--until", "2s"])?;
    let said = Instant::now();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    host.process()?.kill()?;
    // Ends are whole seconds.
    thread::sleep(Duration::from_secs(3).saturating_sub(said.elapsed()));
    host.launch()?;
    let started = Instant::now();
    wait::until("an answer", AT_MOST, || answered(&host, &client, &LIVE[..1]))?;
    ensure!(started.elapsed() < Duration::from_millis(1500), "{:?}\n{}", started.elapsed(), host.log());
    wait::until("both", AT_MOST, || answered(&host, &client, &LIVE))?;
    let took = started.elapsed();
    println!("the one that was worked on is back {took:?} after the start, by three probes a second apart");
    ensure!(took > Duration::from_millis(1800), "{took:?}\n{}", host.log());
    Ok(())
}
