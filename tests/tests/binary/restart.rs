//! A controller dies, and another one takes over what is pinned.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hickory_proto::rr::RecordType;

use crate::{
    host::{Host, INTERFACE, IPV4, LIVE, NAME, Setup},
    question::{PATIENCE, ips},
};

/// Without a controller.
const ORPHANED: Duration = Duration::from_millis(500);
const TAKING_OVER: Duration = Duration::from_secs(10);

#[test]
fn successor_takes_over_without_a_gap() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let link = format!("link-{INTERFACE}");
    let before = host.pinned("link", &link)?;
    let client = host.client("10.10.10.10", IPV4)?;
    let expected = ips(&LIVE)?;

    let stop = AtomicBool::new(false);
    let questions = AtomicU32::new(0);
    let after = thread::scope(|scope| {
        let asking = scope.spawn(|| -> Result<()> {
            while !stop.load(Ordering::Relaxed) {
                let addresses = client.ask(NAME, RecordType::A, PATIENCE)?;
                let number = questions.fetch_add(1, Ordering::Relaxed);
                ensure!(addresses.as_ref() == Some(&expected), "question {number}: {addresses:?}");
            }
            Ok(())
        });
        let after = replace_controller(&mut host, &link, &before);
        stop.store(true, Ordering::Relaxed);
        asking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        after
    })?;
    println!("{} questions while the controller was replaced, all answered", questions.into_inner());
    assert_eq!(after["id"], before["id"], "the link is the same");
    assert_ne!(after["prog_id"], before["prog_id"], "the program is another one");

    check_detach(&mut host)
}

/// Kills the controller, and starts another one; what bpftool says of the link then.
fn replace_controller(host: &mut Host, link: &str, before: &serde_json::Value) -> Result<serde_json::Value> {
    host.process()?.kill()?;
    thread::sleep(ORPHANED);
    host.launch()?;
    let start = Instant::now();
    loop {
        host.check()?;
        let after = host.pinned("link", link)?;
        // Its first publication, too, must leave no gap.
        if after["prog_id"] != before["prog_id"] && published(host) {
            println!("taken over {:?} after the start", start.elapsed());
            return Ok(after);
        }
        ensure!(start.elapsed() < TAKING_OVER, "not taken over\n{}", host.log());
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether the controller has published what its probes found.
fn published(host: &Host) -> bool {
    let Ok(output) = host.tgdns(&["status", "--json"]) else { return false };
    let status = serde_json::from_slice(&output.stdout).unwrap_or(serde_json::Value::Null);
    let servers = status["clusters"][0]["servers"]
        .as_array()
        .map_or(0, |servers| servers.iter().filter(|server| server["live"].as_bool() == Some(true)).count());
    servers == LIVE.len()
}

fn check_detach(host: &mut Host) -> Result<()> {
    let client = host.client("10.10.10.10", IPV4)?;
    let process = host.process()?.identifier();
    let output = host.tgdns(&["detach"])?;
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains(&format!("pid {process}")) && message.contains("stop it first"), "{message}");
    assert_eq!(client.addresses(NAME, RecordType::A)?, ips(&LIVE)?);

    host.process()?.terminate()?;
    assert_eq!(client.addresses(NAME, RecordType::A)?, ips(&LIVE)?, "the fast path stays");
    let output = host.tgdns(&["detach"])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let removed = String::from_utf8(output.stdout).context("detach prints text")?;
    assert!(removed.contains(&format!("/link-{INTERFACE}")) && removed.contains("/ANSWERS"), "{removed}");
    assert!(!host.pins.exists(), "{} is still there", host.pins.display());
    assert!(host.interface(INTERFACE)?["xdp"].is_null());
    assert_eq!(client.ask(NAME, RecordType::A, PATIENCE)?, None);
    Ok(())
}
