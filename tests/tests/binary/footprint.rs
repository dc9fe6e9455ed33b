//! What `tgdns` takes of the machine, and what its maps show to people.

use std::{fmt::Write as _, fs, thread, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tgdns_common::rate;

use crate::host::{Host, LIVE, Setup, bpftool};

const MAPS: [&str; 8] = ["ANSWERS", "CHOICES", "COUNTERS", "INDEX", "LIMIT", "SERVICES", "SETTINGS", "VIEWS"];
const MEBIBYTE: u64 = 1 << 20;
/// The first of sixteen addresses at the far end.
const REFUSING: &str = "10.10.10.32";
/// When all servers have been probed for a while.
const SETTLED: Duration = Duration::from_secs(5);

#[test]
fn a_full_cluster_takes_little_memory() -> Result<()> {
    let mut clusters =
        "[[cluster]]\nname = \"internet.intern.netz\"\n[cluster.probe]\ntype = \"tcp\"\nport = 444\n"
            .to_owned();
    // Half of them refuse, half of them are not there.
    for (name, first) in [("refuses", REFUSING), ("silent", "10.10.10.64")] {
        write!(clusters, "[[cluster.part]]\nname = \"{name}\"\nfirst = \"{first}\"\ncount = 16\n")?;
    }
    let mut host = Host::new(&Setup { clusters: &clusters, ..Setup::default() })?;
    let network = format!("{REFUSING}/28");
    host.far.run("ip", &["route", "add", "local", &network, "dev", "lo"])?;
    host.launch()?;
    thread::sleep(SETTLED);
    host.check()?;
    check_probes(&host)?;
    let process = host.process()?.identifier();
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let kibibytes = |name: &str| -> Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        Ok(line.with_context(|| format!("no {name}"))?.trim().trim_end_matches(" kB").parse()?)
    };
    let (own, resident) = (kibibytes("RssAnon:")?, kibibytes("VmRSS:")?);
    println!("32 servers: {resident} KiB resident, {own} KiB of them its own");
    assert!(own * 1024 < 8 * MEBIBYTE, "{own} KiB");
    // The rest is the program's file. How much of it is mapped is up to the page cache: nearly all just after it was linked.
    assert!(resident * 1024 < 20 * MEBIBYTE, "{resident} KiB");

    let mut locked = 0;
    for name in MAPS {
        let map = host.pinned("map", name)?;
        locked += map["bytes_memlock"].as_u64().with_context(|| format!("no bytes_memlock: {map}"))?;
    }
    // Not pinned.
    locked += (rate::BUCKETS * size_of::<u64>()) as u64;
    println!("the maps: {locked} bytes");
    assert!(locked < 8 * MEBIBYTE, "{locked} bytes");
    Ok(())
}

/// Each half fails as it is meant to.
fn check_probes(host: &Host) -> Result<()> {
    let log = host.log();
    let down = |cause: &str| log.lines().filter(|line| line.contains(cause)).count();
    ensure!(down("connection refused") == 16 && down("timed out") == 16, "{log}");
    Ok(())
}

#[test]
fn bpftool_shows_fields_by_name() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    for name in MAPS {
        let map = host.pinned("map", name)?;
        // The kernel knows no types of a map that leads to maps.
        ensure!(
            name == "VIEWS" || map["btf_id"].as_u64().is_some_and(|id| id > 0),
            "{name} has no BTF: {map}"
        );
    }
    let answers = bpftool(&["map", "dump", "pinned"], &host.pins.join("ANSWERS"))?;
    let answers = answers.as_array().context("no array")?;
    let values = answers.iter().map(|entry| &entry["formatted"]["value"]);
    let shown: Vec<_> = values.filter_map(|value| addresses(&value["ipv4"])).collect();
    // A slot that is no longer used keeps what it said.
    assert!(shown.contains(&LIVE.map(str::to_owned).to_vec()), "{shown:?}");
    Ok(())
}

/// The addresses that an answer set says it has, in words.
fn addresses(ipv4: &Value) -> Option<Vec<String>> {
    let count = usize::try_from(ipv4["count"].as_u64()?).ok().filter(|count| *count > 0)?;
    let addresses = ipv4["addresses"].as_array()?.get(..count)?;
    let octets = |address: &Value| -> Option<String> {
        let octets = address.as_array()?.iter().map(|octet| Some(octet.as_u64()?.to_string()));
        Some(octets.collect::<Option<Vec<_>>>()?.join("."))
    };
    addresses.iter().map(octets).collect()
}
