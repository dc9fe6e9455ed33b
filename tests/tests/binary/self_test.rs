//! The controller asks the loaded program, and notices when its maps say something else than they were made to.

use std::{
    collections::BTreeSet,
    mem::offset_of,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use hickory_proto::rr::RecordType;
use serde_json::Value;
use tests::lab::{program, wait};
use tgdns_common::tables::{AnswerSet, Ipv4Addresses};

use crate::{
    host::{CLUSTER, Host, IPV4, LIVE, NAME, Setup, bpftool},
    question::ips,
};

/// From one round to the next, and what a busy machine adds.
const ROUND: Duration = Duration::from_secs(4);

/// Together with the default view and the one cluster more nearly all that the maps hold.
const VIEWS: u32 = 120;
const CLUSTERS: u32 = 3;

#[test]
fn a_changed_map_raises_an_alarm() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    wait::until("a round", ROUND * 2, || {
        let asked = count(&host, "asked")?;
        Ok(if asked > 0 { Ok(()) } else { Err(anyhow!("{asked}")) })
    })?;
    ensure!(count(&host, "differences")? == 0, "{}", host.log());

    let right = spoil(&host)?;
    let start = Instant::now();
    wait::until("the alarm", ROUND, || {
        let notes = notes(&host)?;
        Ok(if notes.contains("ALARM") { Ok(()) } else { Err(anyhow!("{notes}")) })
    })?;
    println!("told {:?} after the change: {}", start.elapsed(), notes(&host)?);
    ensure!(count(&host, "differences")? > 0 && count(&host, "failing")? > 0);
    ensure!(host.log().contains("ALARM: the fast path does not answer as it should"), "{}", host.log());

    for (key, value) in &right {
        update(&host, key, value)?;
    }
    wait::until("the end of the alarm", ROUND, || {
        let notes = notes(&host)?;
        Ok(if notes == "[]" { Ok(()) } else { Err(anyhow!("{notes}")) })
    })?;
    ensure!(count(&host, "failing")? == 0);
    ensure!(host.log().contains("answers as it should again"), "{}", host.log());

    // What README tells to do about it.
    spoil(&host)?;
    let client = host.client("10.10.10.10", IPV4)?;
    let live = ips(&LIVE)?;
    wait::until("a wrong answer", ROUND, || {
        let told = client.addresses(NAME, RecordType::A)?;
        Ok(if told == live { Err(anyhow!("{told:?}")) } else { Ok(()) })
    })?;
    host.process()?.terminate()?;
    host.start()?;
    host.wait_until_live(LIVE.len())?;
    ensure!(notes(&host)? == "[]", "{}", notes(&host)?);
    // Each rotation is right again.
    for _ in 0..10 * LIVE.len() {
        ensure!(client.addresses(NAME, RecordType::A)? == live, "{}", host.log());
    }
    Ok(())
}

/// However many there are to ask, a round is short.
#[test]
fn many_views_cost_no_more() -> Result<()> {
    let views = (0..VIEWS).map(|view| {
        format!("[[view]]\nname = \"v{view}\"\nclients = [\"10.100.{view}.0/24\", \"fd00:{view}::/32\"]\n")
    });
    let aliases: Vec<String> = (0..VIEWS).map(|view| format!("v{view} = \"192.168.1.20\"")).collect();
    let clusters = (0..CLUSTERS).map(|cluster| {
        format!(
            "[[cluster]]\nname = \"c{cluster}.intern.netz\"\nprobe = {{ port = 443, timeout = \"200ms\" }}\n\
             part = [{{ first = \"10.10.10.20\", count = 2, alias = {{ {} }} }}]\n",
            aliases.join(", ")
        )
    });
    let clusters: String = views.chain(clusters).collect::<String>() + CLUSTER;
    let mut host = Host::new(&Setup { clusters: &clusters, ..Setup::default() })?;
    host.start()?;
    let counts =
        || Ok::<_, anyhow::Error>((count(&host, "asked")?, count(&host, "microseconds")?, Instant::now()));
    let before = counts()?;
    // Both types of address, in each view and in none.
    ensure!(
        before.0 >= 2 * u64::from(CLUSTERS) * u64::from(VIEWS + 1),
        "{} asked before the program was attached",
        before.0
    );
    let (after, _) = wait::until("four rounds", ROUND * 4, || {
        let after = counts()?;
        let is_enough = after.2 - before.2 > ROUND * 2 && after.0 > before.0;
        Ok(if is_enough { Ok(after) } else { Err(anyhow!("{after:?}")) })
    })?;
    let took = Duration::from_micros(after.1 - before.1);
    println!(
        "{} asked in {:?} before the program was attached; then {} in {took:?} of {:?}",
        before.0,
        Duration::from_micros(before.1),
        after.0 - before.0,
        after.2 - before.2
    );
    ensure!(took < (after.2 - before.2) / 50, "{took:?}");
    ensure!(count(&host, "differences")? == 0, "{}", notes(&host)?);
    Ok(())
}

/// Changes an address in each answer set that is in use, or was before; gives what they said.
fn spoil(host: &Host) -> Result<Vec<([u8; 4], Vec<u8>)>> {
    let index = bpftool(&["map", "dump", "pinned"], &host.pins.join("INDEX"))?;
    let slots = index.as_array().context("no entries")?.iter().map(bytes);
    let mut slots = slots.collect::<Result<BTreeSet<_>>>()?;
    slots.remove(&vec![0; 4]);
    ensure!(!slots.is_empty(), "no slot is in use");
    let place = offset_of!(AnswerSet, ipv4) + offset_of!(Ipv4Addresses, addresses) + 3;
    let mut right = Vec::new();
    for slot in slots {
        let slot: [u8; 4] = slot.try_into().map_err(|_| anyhow!("no slot"))?;
        let key = u32::from_be_bytes(slot).to_ne_bytes();
        let value = lookup(host, &key)?;
        let mut wrong = value.clone();
        *wrong.get_mut(place).context("too short")? ^= 1;
        update(host, &key, &wrong)?;
        right.push((key, value));
    }
    Ok(right)
}

fn count(host: &Host, name: &str) -> Result<u64> {
    host.counter("self_test", name)
}

fn notes(host: &Host) -> Result<String> {
    let output = host.tgdns(&["status", "--json"])?;
    let status: Value = serde_json::from_slice(&output.stdout)?;
    Ok(status["notes"].to_string())
}

fn lookup(host: &Host, key: &[u8]) -> Result<Vec<u8>> {
    let mut lookup = program::command("bpftool")?;
    lookup.args(["--json", "map", "lookup", "pinned"]).arg(host.pins.join("ANSWERS")).arg("key");
    lookup.args(key.iter().map(u8::to_string));
    bytes(&serde_json::from_str(&program::run_command(&mut lookup)?)?)
}

fn update(host: &Host, key: &[u8], value: &[u8]) -> Result<()> {
    let mut update = program::command("bpftool")?;
    update.args(["map", "update", "pinned"]).arg(host.pins.join("ANSWERS")).arg("key");
    update.args(key.iter().map(u8::to_string)).arg("value").args(value.iter().map(u8::to_string));
    program::run_command(&mut update).map(drop)
}

/// The value of an entry as bpftool prints it.
fn bytes(entry: &Value) -> Result<Vec<u8>> {
    let byte = |text: &Value| {
        let digits = text.as_str().and_then(|text| text.strip_prefix("0x")).context("no byte")?;
        u8::from_str_radix(digits, 16).context("no byte")
    };
    entry["value"].as_array().context("no value")?.iter().map(byte).collect()
}
