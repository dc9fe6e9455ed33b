//! While a version with maps of its own waits for its first verdicts, the program that still answers hears that a controller
//! lives.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};
use tests::lab::{layout, wait};

use super::{AT_MOST, Running, SLOW, taken_over};
use crate::{
    host::{CLUSTER, Host, Setup},
    load,
};

const SETTINGS: &str = "stale_after = \"1s\"\nwhen_stale = \"servfail\"\n";
const STALE_AFTER: Duration = Duration::from_secs(1);

/// The client takes no SERVFAIL for an answer.
#[test]
fn answers_do_not_become_stale_while_another_version_waits() -> Result<()> {
    let slow = CLUSTER.replace("port = 443", SLOW);
    let mut host = Host::new(&Setup { clusters: &slow, settings: SETTINGS, ..Setup::default() })?;
    host.start()?;
    let (tally, waits) = load::meanwhile(&mut host, 2, 0, |host, _| {
        host.process()?.terminate()?;
        layout::change(&host.pins)?;
        // Nothing is known of the servers.
        fs::remove_file(host.path("state/health.json"))?;
        let before = Running::find(host)?;
        host.launch()?;
        wait::until("new maps", AT_MOST, || {
            Ok(if host.pins.join("next/beat").exists() { Ok(()) } else { Err(anyhow!("none")) })
        })?;
        let start = Instant::now();
        taken_over(host, &before)?;
        Ok(start.elapsed())
    })?;
    println!("waited {waits:?}: {tally}");
    ensure!(waits.iter().all(|wait| *wait > STALE_AFTER), "{waits:?}");
    ensure!(!host.log().contains("stale"), "{}", host.log());
    Ok(())
}
