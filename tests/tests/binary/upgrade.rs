//! Another version takes over from the one that runs, whether its maps can be adopted or not, and no query is lost.

use std::{
    fs,
    mem::offset_of,
    net::{SocketAddr, UdpSocket},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use hickory_proto::rr::RecordType;
use serde_json::Value;
use tests::lab::{program, wait};
use tgdns_common::tables::{LAYOUT, Settings};

use crate::{
    host::{CLUSTER, Host, INTERFACE, IPV4, LIVE, NAME, Setup, bpftool},
    load,
    question::ips,
};

const AT_MOST: Duration = Duration::from_secs(20);
/// A first verdict takes two seconds.
const SLOW: &str = "port = 443\ninterval = \"1m\"\nfast_interval = \"1s\"\nrise = 3";

#[test]
fn ten_replacements_lose_no_query() -> Result<()> {
    replace_under_load(10, 20_000)
}

/// `cargo test --release -p tests --test binary upgrade::a_hundred -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes"]
fn a_hundred_replacements_lose_none_of_a_million_queries() -> Result<()> {
    replace_under_load(100, 1_000_000)
}

/// So many replacements of the program, and at least so many queries meanwhile. Every second version has another layout, so
/// that maps are adopted and rebuilt by turns; every third predecessor is killed, the others end by themselves.
fn replace_under_load(replacements: u32, queries: u64) -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let socket = host.far.enter(|| UdpSocket::bind("10.10.10.10:0"))??;
    socket.connect(SocketAddr::new(IPV4, 53))?;
    let is_over = AtomicBool::new(false);
    let start = Instant::now();
    let (tally, rebuilt) = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let go_on = |tally: &load::Tally| !is_over.load(Ordering::Relaxed) || tally.sent < queries;
            load::ask(&socket, LIVE.len() as u16, go_on)
        });
        let replaced = (0..replacements)
            .map(|round| {
                if asking.is_finished() {
                    return Err(anyhow!("the client has given up"));
                }
                replace(&mut host, round)
            })
            .collect::<Result<Vec<bool>>>();
        // Whatever failed, the client ends.
        is_over.store(true, Ordering::Relaxed);
        let tally = asking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        anyhow::Ok((tally, replaced?.into_iter().filter(|rebuilt| *rebuilt).count()))
    })
    .with_context(|| host.log())?;
    println!(
        "{replacements} replacements, {rebuilt} of them with maps rebuilt, in {:?}: {} queries sent, {} lost, the slowest \
         answered after {:?}",
        start.elapsed(),
        tally.sent,
        tally.lost(),
        tally.slowest
    );
    ensure!(tally.lost() == 0, "{tally:?}");
    ensure!(rebuilt as u32 == replacements / 2);
    // Nothing is left of it.
    host.process()?.terminate()?;
    let output = host.tgdns(&["detach"])?;
    ensure!(output.status.success() && !host.pins.exists(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Ends the controller, and starts another one, until its program answers; tells whether its maps are others.
fn replace(host: &mut Host, round: u32) -> Result<bool> {
    let before = Running::find(host)?;
    match round % 3 {
        0 => host.process()?.kill()?,
        _ => host.process()?.terminate()?,
    }
    let is_foreign = round % 2 == 1;
    if is_foreign {
        change_layout(host)?;
    }
    host.launch()?;
    taken_over(host, &before)?;
    let after = Running::find(host)?;
    ensure!(after.link == before.link, "the link is the same");
    ensure!((after.map != before.map) == is_foreign, "{before:?}, {after:?}");
    Ok(after.map != before.map)
}

/// A crash at any point of a start with other maps leaves what answers, and something to start from.
#[test]
fn starts_that_die_half_way_are_made_up_for() -> Result<()> {
    let slow = CLUSTER.replace("port = 443", SLOW);
    let mut host = Host::new(&Setup { clusters: &slow, ..Setup::default() })?;
    host.start()?;
    let client = host.client("10.10.10.10", IPV4)?;
    let next = host.pins.join("next");
    host.process()?.terminate()?;
    change_layout(&host)?;
    let before = Running::find(&host)?;
    // Pins that a start has replaced before it died.
    for replaced in [0, 1, 4, 7] {
        // Nothing is known of the servers, so that the old program has to go on for a while.
        fs::remove_file(host.path("state/health.json"))?;
        host.launch()?;
        wait::until("a status", AT_MOST, || {
            host.check()?;
            let notes = status(&host).map(|status| status["notes"].clone()).unwrap_or_default();
            let is_told = notes.to_string().contains("another version answers");
            Ok(if is_told { Ok(()) } else { Err(anyhow!("{notes}")) })
        })?;
        ensure!(status(&host)?["interfaces"][0]["attached"] == true);
        ensure!(client.addresses(NAME, RecordType::A)? == ips(&LIVE)?, "{}", host.log());
        ensure!(Running::find(&host)?.program == before.program, "the old program answers");
        host.process()?.kill()?;
        let mut pins: Vec<_> = fs::read_dir(&next)?.collect::<Result<_, _>>()?;
        pins.sort_by_key(fs::DirEntry::file_name);
        ensure!(pins.len() == 7, "{pins:?}");
        for pin in pins.iter().take(replaced) {
            fs::rename(pin.path(), host.pins.join(pin.file_name()))?;
        }
        ensure!(client.addresses(NAME, RecordType::A)? == ips(&LIVE)?, "{}", host.log());
        fs::write(host.path("state/health.json"), "{}").ok();
    }
    let output = host.tgdns(&["stats"])?;
    println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    fs::remove_file(host.path("state/health.json"))?;
    host.launch()?;
    taken_over(&mut host, &before)?;
    ensure!(client.addresses(NAME, RecordType::A)? == ips(&LIVE)?, "{}", host.log());
    ensure!(host.counter("fast_path", "answered_a")? > 0, "the pins are those of the maps in use");
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
        let is_new = Running::find(host)?.program != before.program && !host.pins.join("next").exists();
        Ok(if is_new && status(host).is_ok() { Ok(()) } else { Err(anyhow!("the old one\n{}", host.log())) })
    })
    .map(drop)
}

/// The pinned maps are of another version from now on; their program does not care.
fn change_layout(host: &Host) -> Result<()> {
    let pin = host.pins.join("SETTINGS");
    let dump = bpftool(&["map", "dump", "pinned"], &pin)?;
    let value = dump[0]["value"].as_array().context("no bytes")?;
    let mut bytes: Vec<String> = value.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    *bytes.get_mut(offset_of!(Settings, layout)).context("too short")? = format!("{:#x}", LAYOUT + 1);
    let mut update = program::command("bpftool")?;
    update.args(["map", "update", "pinned"]).arg(&pin).args(["key", "0", "0", "0", "0", "value"]).args(bytes);
    program::run_command(&mut update).map(drop)
}

fn status(host: &Host) -> Result<Value> {
    let output = host.tgdns(&["status", "--json"])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("reading the status")
}
