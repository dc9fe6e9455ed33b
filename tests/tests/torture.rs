//! The bounded runs of what `cargo xtask torture` does at length.

use anyhow::Result;
use tests::torture::{differential, oracle};
use tgdns_common::counter::Counters;

/// Host and kernel agree on a million mutated frames, and these are of all kinds.
#[test]
fn host_and_kernel_agree_on_mutated_frames() -> Result<()> {
    let summary = differential::run(1, 1_000_000)?;
    println!("{}", summary.text());
    // These do not depend on the frame alone, and the limit leaves test runs out.
    let others = ["slipped", "rate_limited", "no_room", "write"];
    for name in Counters::NAMES.iter().filter(|name| !others.contains(name)) {
        assert!(summary.count(name) > 0, "no frame was counted as {name}");
    }
    let answered = Counters::NAMES.iter().filter(|name| name.starts_with("answered"));
    let answered: u64 = answered.map(|name| summary.count(name)).sum();
    assert!(answered > summary.frames / 10, "only {answered} were answered");
    Ok(())
}

/// The slow path agrees with NSD, but where the table of differences says why not.
#[test]
fn slow_path_agrees_with_nsd() -> Result<()> {
    println!("{}", oracle::run(1, 10_000)?.text());
    Ok(())
}
