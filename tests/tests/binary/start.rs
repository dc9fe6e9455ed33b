//! What the last run knew holds until the servers have been probed.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hickory_proto::rr::RecordType;
use serde_json::{Value, json};
use tests::lab::wait;

use crate::{
    host::{CABLE, CLUSTER, Host, IPV4, LIVE, NAME, Setup},
    question::{Client, PATIENCE, ips},
};

mod maintenance;
mod none_live;
mod own_word;

const AT_MOST: Duration = Duration::from_secs(10);
const RESTARTS: u32 = 8;
/// A first verdict takes two seconds, and whoever has one is probed seldom.
const SLOW: &str = "port = 443\ninterval = \"1m\"\nfast_interval = \"1s\"\nrise = 3";
/// The same, but a first verdict comes as soon as it does by default.
const SELDOM: &str = "port = 443\ninterval = \"1m\"";
/// By default.
const FAST_INTERVAL: Duration = Duration::from_millis(100);
const FALL: u32 = 3;
/// Of the cluster's probe.
const TIMEOUT: Duration = Duration::from_millis(200);
/// For a start and the processors' other work.
const SLACK: Duration = Duration::from_millis(700);

/// One of three servers is dead. However often the controller dies, nobody is told anything else.
#[test]
fn restarts_shake_no_answer() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let client = host.client("10.10.10.10", IPV4)?;
    let (stop, questions) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| -> Result<()> {
        let asking = scope.spawn(|| -> Result<()> {
            let expected = ips(&LIVE)?;
            while !stop.load(Ordering::Relaxed) {
                let found = client.ask(NAME, RecordType::A, PATIENCE)?;
                let number = questions.fetch_add(1, Ordering::Relaxed);
                ensure!(found.as_ref() == Some(&expected), "question {number}: {found:?}");
            }
            Ok(())
        });
        for round in 0..RESTARTS {
            host.process()?.kill()?;
            host.launch()?;
            // Some are killed before the first verdicts, others behind them.
            thread::sleep(Duration::from_millis(60 + 100 * u64::from(round)));
        }
        stop.store(true, Ordering::Relaxed);
        asking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
    .with_context(|| host.log())?;
    println!("{} questions during {RESTARTS} restarts, all answered alike", questions.into_inner());
    Ok(())
}

#[test]
fn a_verdict_is_the_last_run_s_until_there_is_another() -> Result<()> {
    let slow = CLUSTER.replace("port = 443", SLOW);
    let mut host = Host::new(&Setup { clusters: &slow, ..Setup::default() })?;
    host.start()?;
    let client = host.client("10.10.10.10", IPV4)?;
    wait::until("the verdict on the dead one", AT_MOST, || is(&host, 2, "down", Value::Null))?;
    let serial = soa_serial(&host)?;
    host.process()?.kill()?;
    // One dies while nobody looks.
    host.stop_server(1);
    host.launch()?;
    let started = Instant::now();
    wait::until("the last run's verdict", AT_MOST, || is(&host, 0, "up", json!("last run")))?;
    ensure!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
    assert_eq!(soa_serial(&host)?, serial, "nothing has changed");
    wait::until("the right answer", AT_MOST, || answered(&host, &client, &LIVE[..1]))?;
    let took = started.elapsed();
    println!("the one that died meanwhile is out {took:?} after the start, by three probes a second apart");
    ensure!(took < verdict_within(Duration::from_secs(1)), "{took:?}");
    wait::until("an own verdict", AT_MOST, || is(&host, 0, "up", Value::Null))?;
    ensure!(soa_serial(&host)? > serial);
    // What happened before the restart is remembered.
    let history = host.tgdns(&["history", "internet-2", "--json"])?;
    let history: Value = serde_json::from_slice(&history.stdout)?;
    let changes = history["changes"].as_array().context("no changes")?;
    let told: Vec<&Value> = changes.iter().map(|change| &change["to"]).collect();
    assert_eq!(told, ["up", "down"], "{history}");
    Ok(())
}

/// What the last run said is no verdict of these probes, so they follow each other by the fast interval.
#[test]
fn who_died_meanwhile_is_out_by_fast_probes() -> Result<()> {
    let seldom = CLUSTER.replace("port = 443", SELDOM);
    for is_silent in [false, true] {
        let mut host = Host::new(&Setup { clusters: &seldom, ..Setup::default() })?;
        host.start()?;
        let client = host.client("10.10.10.10", IPV4)?;
        host.process()?.kill()?;
        if is_silent {
            host.far.run("ip", &["address", "delete", &format!("{}/24", LIVE[1]), "dev", CABLE])?;
        } else {
            host.stop_server(1);
        }
        host.launch()?;
        let started = Instant::now();
        wait::until("the right answer", AT_MOST, || answered(&host, &client, &LIVE[..1]))?;
        let took = started.elapsed();
        println!("the one that died meanwhile, silent: {is_silent}, is out {took:?} after the start");
        ensure!(took < verdict_within(FAST_INTERVAL), "silent: {is_silent}, {took:?}\n{}", host.log());
    }
    Ok(())
}

/// The time from a start until a dead server is known as such.
fn verdict_within(fast_interval: Duration) -> Duration {
    TIMEOUT * FALL + fast_interval * (FALL - 1) + SLACK
}

/// Without maps the file alone remembers.
#[test]
fn sockets_remember_too() -> Result<()> {
    let (mut host, client) = slow_by_sockets()?;
    host.process()?.kill()?;
    host.launch()?;
    let started = Instant::now();
    wait::until("an answer", AT_MOST, || answered(&host, &client, &LIVE))?;
    let took = started.elapsed();
    println!("answered {took:?} after the start, where the first verdict takes two seconds");
    ensure!(took < Duration::from_millis(1500), "{took:?}\n{}", host.log());
    // What is too old says nothing.
    host.process()?.terminate()?;
    let path = host.path("state/health.json");
    let mut saved: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    saved["saved"] = json!(saved["saved"].as_u64().context("no time")? - 61_000);
    std::fs::write(&path, saved.to_string())?;
    host.launch()?;
    let started = Instant::now();
    wait::until("an answer", AT_MOST, || answered(&host, &client, &LIVE))?;
    ensure!(started.elapsed() > Duration::from_millis(1800), "{:?}", started.elapsed());
    Ok(())
}

/// A controller without maps, whose servers' first verdicts take two seconds; those on the live ones are there, and saved.
fn slow_by_sockets() -> Result<(Host, Client)> {
    let slow = CLUSTER.replace("port = 443", SLOW);
    let setup =
        Setup { clusters: &slow, xdp_mode: "off", listen: r#"["10.10.10.1:53"]"#, ..Setup::default() };
    let mut host = Host::new(&setup)?;
    host.start()?;
    wait_for_saved(&host, "up", LIVE.len())?;
    let client = host.client("10.10.10.10", IPV4)?;
    Ok((host, client))
}

/// Waits until so many servers are saved with this health.
fn wait_for_saved(host: &Host, health: &str, servers: usize) -> Result<()> {
    let file = host.path("state/health.json");
    let attempt = || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let saved = text.matches(&format!("\"health\":\"{health}\"")).count();
        Ok(if saved == servers { Ok(()) } else { Err(anyhow::anyhow!("{text}")) })
    };
    wait::until(&format!("{servers} servers {health} in the file"), AT_MOST, attempt).map(drop)
}

/// Whether the status shows a server's health so, and from where it has it.
fn is(host: &Host, server: usize, health: &str, from: Value) -> Result<Result<()>> {
    let output = host.tgdns(&["status", "--json"])?;
    let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let found = &status["clusters"][0]["servers"][server];
    let right = found["health"] == json!(health) && found["health_from"] == from;
    Ok(if right { Ok(()) } else { Err(anyhow::anyhow!("{found}\n{}", host.log())) })
}

/// The serial that the program in the kernel tells.
fn soa_serial(host: &Host) -> Result<u64> {
    let output = host.tgdns(&["query", NAME, "SOA", "--json"])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers = text.split(|letter: char| !letter.is_ascii_digit()).filter(|word| word.len() == 10);
    let serial = numbers.filter_map(|word| word.parse().ok()).next();
    serial.with_context(|| format!("no serial in {text}"))
}

fn answered(host: &Host, client: &Client, expected: &[&str]) -> Result<Result<()>> {
    let found = client.ask(NAME, RecordType::A, PATIENCE / 10)?;
    let right = found.as_ref() == Some(&ips(expected)?);
    Ok(if right { Ok(()) } else { Err(anyhow::anyhow!("{found:?}\n{}", host.log())) })
}
