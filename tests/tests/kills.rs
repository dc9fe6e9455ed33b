//! Servers that die are out of the answers when their settings say so: the short form of `kill-to-answer`.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::lab::kills::{Death, Kill, Spread, measure};

const CLUSTERS: u8 = 5;
const KILLS_EACH: u8 = 2;
/// What a loaded machine may add to the promised time.
const LOAD: Duration = Duration::from_secs(1);
/// From the verdict to the wire, in the middle; it takes about a hundredth of that.
const PUBLISHED_WITHIN: Duration = Duration::from_millis(100);

#[test]
fn killed_processes() -> Result<()> {
    kill(Death::Refused)
}

#[test]
fn silent_servers() -> Result<()> {
    kill(Death::Silent)
}

fn kill(death: Death) -> Result<()> {
    let kills = measure(death, CLUSTERS, KILLS_EACH)?;
    assert_eq!(kills.len(), usize::from(CLUSTERS * KILLS_EACH));
    let gone = Spread::of(kills.iter().map(Kill::gone))?;
    let published = Spread::of(kills.iter().map(|kill| kill.published))?;
    println!("{death:?}: gone after {gone} ms, {published} ms of them after the verdict");
    ensure!(gone.worst <= death.gone_within() + LOAD, "{kills:?}");
    ensure!(published.median <= PUBLISHED_WITHIN, "{kills:?}");
    Ok(())
}
