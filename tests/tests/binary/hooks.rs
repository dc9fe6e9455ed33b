//! Commands are told of what becomes of servers.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::host::{CLUSTER, Host, Setup};

const TELLING: Duration = Duration::from_secs(10);

#[test]
fn a_command_is_told_of_health_and_of_admin_states() -> Result<()> {
    let told = std::env::temp_dir().join(format!("tgdns-hook-told-{}", std::process::id()));
    let clusters = format!(
        "[[hook]]\ncommand = [\"/bin/sh\", \"-c\", \"cat >> {0}; echo >> {0}\"]\n\
         [[hook]]\ncommand = [\"/bin/sleep\", \"60\"]\non = [\"drain\"]\ntimeout = \"200ms\"\n{CLUSTER}",
        told.display()
    );
    let mut host = Host::new(&Setup { clusters: &clusters, ..Setup::default() })?;
    host.start()?;
    for (arguments, said) in [
        (&["drain", "internet-1", "--reason", "a fan", "--until", "1s"][..], "internet-1: drain until "),
        (&["maint", "internet-2"], "internet-2: maint"),
    ] {
        let output = host.tgdns(arguments)?;
        ensure!(String::from_utf8_lossy(&output.stdout).starts_with(said), "{output:?}");
    }
    // Three first verdicts, two that were said, one that ends, in whatever order.
    let expected = [
        ("up", "internet-1", "unknown"),
        ("up", "internet-2", "unknown"),
        ("down", "internet-3", "unknown"),
        ("drain", "internet-1", "ready"),
        ("maint", "internet-2", "ready"),
        ("ready", "internet-1", "drain"),
    ];
    let start = Instant::now();
    let facts = loop {
        let text = fs::read_to_string(&told).unwrap_or_default();
        let facts: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let is_there = |(event, server, from): &(&str, &str, &str)| {
            facts.iter().any(|fact| {
                (&fact["event"], &fact["server"], &fact["from"])
                    == (&json!(event), &json!(server), &json!(from))
            })
        };
        if expected.iter().all(is_there) {
            break facts;
        }
        ensure!(start.elapsed() < TELLING, "{text}\n{}", host.log());
        thread::sleep(Duration::from_millis(20));
    };
    fs::remove_file(&told)?;
    assert_eq!(facts.len(), expected.len(), "{facts:?}");
    let drain = facts.iter().find(|fact| fact["event"] == "drain").expect("it is there");
    assert_eq!((&drain["cause"], &drain["address"]), (&json!("a fan"), &json!("10.10.10.20")));
    ensure!(drain["until"].is_string(), "{drain}");
    let stats: Value = serde_json::from_slice(&host.tgdns(&["stats", "--json"])?.stdout)?;
    assert_eq!(stats["hooks"], json!({ "run": 7, "failed": 1, "dropped": 0 }), "{}", host.log());
    let log = host.log();
    ensure!(log.contains("a hook has failed") && log.contains("killed after 200ms"), "{log}");
    Ok(())
}
