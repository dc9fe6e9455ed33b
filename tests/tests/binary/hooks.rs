//! Commands and HTTP servers are told of what becomes of servers and of clusters' answers.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use anyhow::{Result, anyhow, ensure};
use serde_json::{Value, json};
use tests::lab::wait;

use crate::host::{CLUSTER, Host, Setup};

const TELLING: Duration = Duration::from_secs(10);
/// Of the far machine: its servers that listen, and one that does not.
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 10, 10, 22);

#[test]
fn a_command_is_told_of_health_and_of_admin_states() -> Result<()> {
    let directory = std::env::temp_dir().join(format!("tgdns-hook-told-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let told = directory.join("told");
    let clusters = format!(
        "[[hook]]\ncommand = [\"/bin/sh\", \"-c\", \"cat >> {0}; echo >> {0}\"]\n\
         [[hook]]\ncommand = [\"/bin/sleep\", \"60\"]\non = [\"drain\"]\ntimeout = \"200ms\"\n{CLUSTER}",
        told.display()
    );
    let writable = std::slice::from_ref(&directory);
    let mut host = Host::new(&Setup { clusters: &clusters, writable, ..Setup::default() })?;
    let facts = facts(&mut host, || fs::read_to_string(&told).unwrap_or_default())?;
    let drain = facts.iter().find(|fact| fact["event"] == "drain").expect("it is there");
    assert_eq!((&drain["cause"], &drain["address"]), (&json!("a fan"), &json!("10.10.10.20")));
    ensure!(drain["until"].is_string(), "{drain}");
    wait_for_counts(&host, &json!({ "run": 9, "failed": 1, "dropped": 0 }))?;
    let log = host.log();
    ensure!(log.contains("a hook has failed") && log.contains("killed after 200ms"), "{log}");
    drop(host);
    fs::remove_dir_all(&directory)?;
    Ok(())
}

/// One server takes everything but what is sent to its one broken path, and another one takes connections and says nothing.
#[test]
fn an_http_server_is_told_of_health_and_of_admin_states() -> Result<()> {
    let clusters = format!(
        "[[hook]]\nurl = \"http://{SERVER}:8080/told\"\n\
         [[hook]]\nurl = \"http://{SERVER}:8080/broken\"\non = [\"maint\"]\n\
         [[hook]]\nurl = \"http://{SERVER}:8081/\"\non = [\"drain\"]\ntimeout = \"200ms\"\n{CLUSTER}"
    );
    let mut host = Host::new(&Setup { clusters: &clusters, ..Setup::default() })?;
    let [server, _silent] = [8080, 8081].map(|port| host.far.enter(|| TcpListener::bind((SERVER, port))));
    let told = Arc::new(Mutex::new(String::new()));
    let (_silent, taken, server) = (_silent??, Arc::clone(&told), server??);
    thread::spawn(move || serve(&server, &taken));
    let facts = facts(&mut host, || told.lock().map(|told| told.clone()).unwrap_or_default())?;
    let maint = facts.iter().find(|fact| fact["event"] == "maint").expect("it is there");
    assert_eq!((&maint["server"], &maint["address"]), (&json!("internet-2"), &json!("10.10.10.21")));
    wait_for_counts(&host, &json!({ "run": 10, "failed": 2, "dropped": 0 }))?;
    let log = host.log();
    for cause in ["status 500", "timed out after 200ms while waiting for the response's head"] {
        ensure!(log.contains(cause), "{cause}: {log}");
    }
    // A path may be a secret.
    ensure!(log.contains("http://10.10.10.22:8080") && !log.contains("/broken"), "{log}");
    Ok(())
}

/// Writes down what is posted, a line each, until the test's process ends.
fn serve(listener: &TcpListener, told: &Mutex<String>) {
    for mut stream in listener.incoming().flatten() {
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        // The JSON holds no other object.
        while !request.ends_with(b"}") {
            match stream.read(&mut buffer) {
                Ok(length @ 1..) => request.extend_from_slice(&buffer[..length]),
                Ok(0) | Err(_) => break,
            }
        }
        let request = String::from_utf8_lossy(&request);
        let status = match request.split_once("\r\n\r\n") {
            Some((head, body)) if head.starts_with("POST /told HTTP/1.1\r\n") => {
                if let Ok(mut told) = told.lock() {
                    told.push_str(&format!("{body}\n"));
                }
                "204 No Content"
            }
            _ => "500 Internal Server Error",
        };
        let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
    }
}

/// Starts `tgdns`, lets people say something of servers, and waits until all is told.
fn facts(host: &mut Host, told: impl Fn() -> String) -> Result<Vec<Value>> {
    host.start()?;
    for (arguments, said) in [
        (&["maint", "internet-2"][..], "internet-2: maint"),
        (&["drain", "internet-1", "--reason", "a fan", "--until", "1s"], "internet-1: drain until "),
    ] {
        let output = host.tgdns(arguments)?;
        ensure!(String::from_utf8_lossy(&output.stdout).starts_with(said), "{output:?}");
    }
    // Three first verdicts, two states that were said, one that ends, and none is live meanwhile; in whatever order.
    let expected = [
        ("up", Some("internet-1"), "unknown"),
        ("up", Some("internet-2"), "unknown"),
        ("down", Some("internet-3"), "unknown"),
        ("drain", Some("internet-1"), "ready"),
        ("maint", Some("internet-2"), "ready"),
        ("ready", Some("internet-1"), "drain"),
        ("answers", None, "live"),
        ("answers", None, "all"),
    ];
    let (facts, _) = wait::until("all facts", TELLING, || {
        let text = told();
        let facts: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let is_there = |(event, server, from): &(&str, Option<&str>, &str)| {
            facts.iter().any(|fact| {
                (&fact["event"], &fact["server"], &fact["from"])
                    == (&json!(event), &json!(server), &json!(from))
            })
        };
        Ok(if expected.iter().all(is_there) { Ok(facts) } else { Err(anyhow!("{text}\n{}", host.log())) })
    })?;
    assert_eq!(facts.len(), expected.len(), "{facts:?}");
    Ok(facts)
}

/// A fact is counted when the hook has ended, which is after what it has said.
fn wait_for_counts(host: &Host, expected: &Value) -> Result<()> {
    wait::until("the counts of hooks", TELLING, || {
        let stats: Value = serde_json::from_slice(&host.tgdns(&["stats", "--json"])?.stdout)?;
        let is_right = stats["hooks"] == *expected;
        Ok(if is_right { Ok(()) } else { Err(anyhow!("{}\n{}", stats["hooks"], host.log())) })
    })
    .map(drop)
}
