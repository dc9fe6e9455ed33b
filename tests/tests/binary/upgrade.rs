//! Another version takes over from the one that runs, whether its maps can be adopted or not, and no query is lost.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, anyhow, ensure};
use hickory_proto::rr::RecordType;
use serde_json::Value;
use tests::lab::{layout, program, wait};

use crate::{
    host::{CLUSTER, Host, INTERFACE, IPV4, LIVE, NAME, Setup},
    question::ips,
};

mod crashes;
mod fresh;

const AT_MOST: Duration = Duration::from_secs(20);
/// A first verdict takes two seconds.
const SLOW: &str = "port = 443\ninterval = \"1m\"\nfast_interval = \"1s\"\nrise = 3";

/// Ends the controller, and starts another one, until its program answers; tells whether its maps are others. Every second
/// one has another layout, so that maps are adopted and rebuilt by turns; every third predecessor is killed, the others end by
/// themselves.
pub(crate) fn replace(host: &mut Host, round: u32) -> Result<bool> {
    let before = Running::find(host)?;
    match round % 3 {
        0 => host.process()?.kill()?,
        _ => host.process()?.terminate()?,
    }
    let is_foreign = round % 2 == 1;
    if is_foreign {
        layout::change(&host.pins)?;
    }
    host.launch()?;
    taken_over(host, &before)?;
    let after = Running::find(host)?;
    ensure!(after.link == before.link, "the link is the same");
    ensure!((after.map != before.map) == is_foreign, "{before:?}, {after:?}");
    Ok(after.map != before.map)
}

/// It answers from its own maps, as the new ones have no answer yet.
#[test]
fn the_old_program_goes_on_until_each_name_has_its_answer() -> Result<()> {
    let slow = CLUSTER.replace("port = 443", SLOW);
    let mut host = Host::new(&Setup { clusters: &slow, ..Setup::default() })?;
    host.start()?;
    let client = host.client("10.10.10.10", IPV4)?;
    host.process()?.terminate()?;
    layout::change(&host.pins)?;
    let before = Running::find(&host)?;
    let output = host.tgdns(&["stats", "--json"])?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(
        told.contains("is of another version of tgdns: `tgdns run` of this version takes over"),
        "{told}"
    );
    // Nothing is known of the servers.
    fs::remove_file(host.path("state/health.json"))?;
    host.launch()?;
    wait::until("a status", AT_MOST, || {
        host.check()?;
        let notes = status(&host).map(|status| status["notes"].clone()).unwrap_or_default();
        let is_told = notes.to_string().contains("another version answers");
        Ok(if is_told { Ok(()) } else { Err(anyhow!("{notes}")) })
    })?;
    ensure!(status(&host)?["interfaces"][0]["attached"] == true);
    ensure!(Running::find(&host)?.program == before.program, "the old program answers");
    ensure!(client.addresses(NAME, RecordType::A)? == ips(&LIVE)?, "{}", host.log());
    taken_over(&mut host, &before)?;
    ensure!(status(&host)?["notes"].as_array().is_some_and(Vec::is_empty));
    let answered = host.counter("fast_path", "answered_a")?;
    ensure!(client.addresses(NAME, RecordType::A)? == ips(&LIVE)?, "{}", host.log());
    ensure!(
        host.counter("fast_path", "answered_a")? == answered + 1,
        "the pins are those of the maps in use"
    );
    Ok(())
}

/// Nothing answers from them.
#[test]
fn maps_that_nobody_reads_are_replaced_at_once() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    fs::create_dir_all(&host.pins)?;
    let pin = host.pins.join("ANSWERS");
    let map = ["type", "array", "key", "4", "value", "8", "entries", "4", "name", "ANSWERS"];
    program::run_command(program::command("bpftool")?.args(["map", "create"]).arg(&pin).args(map))?;
    let output = host.tgdns(&["stats"])?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned()
        + String::from_utf8_lossy(&output.stdout).as_ref();
    ensure!(!told.is_empty());
    host.start()?;
    ensure!(!host.pins.join("next").exists());
    ensure!(host.pinned("map", "ANSWERS")?["max_entries"] == 1024);
    Ok(())
}

/// The kernel's numbers.
#[derive(Debug)]
struct Running {
    link: u64,
    program: u64,
    map: u64,
}

impl Running {
    fn find(host: &Host) -> Result<Self> {
        let number = |value: &Value, key: &str| value[key].as_u64().with_context(|| format!("no {key}"));
        let link = host.pinned("link", &format!("link-{INTERFACE}"))?;
        let map = host.pinned("map", "ANSWERS")?;
        Ok(Self { link: number(&link, "id")?, program: number(&link, "prog_id")?, map: number(&map, "id")? })
    }
}

/// Waits until another program is attached, and its maps are pinned.
fn taken_over(host: &mut Host, before: &Running) -> Result<()> {
    wait::until("another program", AT_MOST, || {
        host.check()?;
        Ok(if has_taken_over(host, before)? { Ok(()) } else { Err(anyhow!("the old one\n{}", host.log())) })
    })
    .map(drop)
}

fn has_taken_over(host: &Host, before: &Running) -> Result<bool> {
    let is_other = Running::find(host)?.program != before.program;
    Ok(is_other && !host.pins.join("next").exists() && status(host).is_ok())
}

fn status(host: &Host) -> Result<Value> {
    let output = host.tgdns(&["status", "--json"])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("reading the status")
}
