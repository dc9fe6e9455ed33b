//! Upgrades and reloads under load: no query is lost. `cargo xtask lossless` runs the long ones.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::{
    host::{CLUSTER, Host, Setup},
    load, upgrade,
};

/// Another name, and a view.
const MORE: &str = r#"
[[view]]
name = "lan"
clients = ["10.10.10.10/32", "10.20.0.0/16"]
[[cluster]]
name = "other.intern.netz"
probe = { port = 443, timeout = "200ms" }
part = [{ first = "10.10.10.20", count = 2, alias = { lan = "192.168.1.20" } }]
"#;

#[test]
fn ten_replacements_lose_no_query() -> Result<()> {
    replace_under_load(10, 20_000)
}

#[test]
fn ten_reloads_lose_no_query() -> Result<()> {
    reload_under_load(10, 20_000)
}

#[test]
#[ignore = "takes minutes"]
fn a_hundred_replacements_lose_none_of_a_million_queries() -> Result<()> {
    replace_under_load(100, 1_000_000)
}

#[test]
#[ignore = "takes minutes"]
fn a_hundred_reloads_lose_none_of_a_million_queries() -> Result<()> {
    reload_under_load(100, 1_000_000)
}

fn replace_under_load(replacements: u32, queries: u64) -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let start = Instant::now();
    let (tally, rebuilt) = load::meanwhile(&mut host, replacements, queries, upgrade::replace)?;
    let rebuilt = rebuilt.into_iter().filter(|rebuilt| *rebuilt).count();
    println!("{replacements} replacements, {rebuilt} with maps rebuilt, in {:?}: {tally}", start.elapsed());
    ensure!(rebuilt as u32 == replacements / 2);
    // Nothing is left of it.
    host.process()?.terminate()?;
    let output = host.tgdns(&["detach"])?;
    ensure!(output.status.success() && !host.pins.exists(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// A cluster and a view come and go, and the time to live changes.
fn reload_under_load(reloads: u32, queries: u64) -> Result<()> {
    let more = format!("{}{MORE}", CLUSTER.replace("[cluster.probe]", "ttl = 7\n[cluster.probe]"));
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let start = Instant::now();
    let (tally, _) = load::meanwhile(&mut host, reloads, queries, |host, number| {
        let clusters = if number % 2 == 0 { &more } else { CLUSTER };
        host.configure(&Setup { clusters, ..Setup::default() })?;
        let output = host.tgdns(&["reload"])?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(!text.contains("nothing is different"), "{text}");
        Ok(())
    })?;
    println!("{reloads} reloads in {:?}: {tally}", start.elapsed());
    Ok(())
}
