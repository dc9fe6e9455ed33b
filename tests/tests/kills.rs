//! Servers that die are out of the answers when their settings say so: the short form of `kill-to-answer`.

use anyhow::{Result, ensure};
use tests::lab::kills::{Death, Kill, PUBLISHED_WITHIN, Spread, measure};

const CLUSTERS: u8 = 5;
const KILLS_EACH: u8 = 2;

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
    ensure!(gone.median <= death.median_within(), "{kills:?}");
    ensure!(gone.worst < death.gone_within(), "{kills:?}");
    ensure!(published.median < PUBLISHED_WITHIN, "{kills:?}");
    Ok(())
}
