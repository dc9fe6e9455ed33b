use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::*;

fn fact(event: Occasion, server: &str) -> Fact {
    let [from, cluster, address, at] =
        ["up", "c.netz", "10.0.0.1", "1970-01-01T00:00:01.000Z"].map(str::to_owned);
    Fact {
        event,
        cluster,
        server: server.to_owned(),
        address,
        from,
        to: event.as_str().to_owned(),
        cause: Some("connection refused (3 failures in a row)".to_owned()),
        until: None,
        after_seconds: Some(7),
        at,
    }
}

fn hook(script: &str, timeout: u64) -> Hook {
    let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    Hook {
        call: Call::Command(command),
        on: vec![Occasion::Down, Occasion::Drain],
        timeout: Duration::from_millis(timeout),
    }
}

fn file(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tgdns-hook-{}-{name}", std::process::id()));
    let _ = fs::remove_file(&path);
    path
}

async fn until(hooks: &Hooks, run: u64) -> [(&'static str, u64); 3] {
    let start = Instant::now();
    while hooks.counts()[0].1 < run {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", hooks.counts());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    hooks.counts()
}

#[tokio::test]
async fn it_is_told_the_facts_and_only_where_it_asked() {
    let path = file("facts");
    let script = format!("{{ cat; echo; env | grep ^TGDNS_ | sort; }} >> {}", path.display());
    let hooks = Hooks::start(&[hook(&script, 5000)]);
    hooks.tell(fact(Occasion::Up, "a"));
    hooks.tell(fact(Occasion::Down, "b"));
    assert_eq!(until(&hooks, 1).await, [("run", 1), ("failed", 0), ("dropped", 0)]);
    let told = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let (json, environment) = told.split_once('\n').unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!((json["event"].as_str(), json["server"].as_str()), (Some("down"), Some("b")));
    assert_eq!((&json["until"], &json["after_seconds"]), (&serde_json::Value::Null, &serde_json::json!(7)));
    let expected = "TGDNS_ADDRESS=10.0.0.1\nTGDNS_AFTER_SECONDS=7\nTGDNS_AT=1970-01-01T00:00:01.000Z\n\
                    TGDNS_CAUSE=connection refused (3 failures in a row)\nTGDNS_CLUSTER=c.netz\nTGDNS_EVENT=down\n\
                    TGDNS_FROM=up\nTGDNS_SERVER=b\nTGDNS_TO=down\n";
    assert_eq!(environment, expected);
}

#[tokio::test]
async fn failures_are_counted() {
    let missing = Hook { call: Call::Command(vec!["/nonexistent".to_owned()]), ..hook("", 1000) };
    for (hook, expected) in [(hook("exit 3", 5000), 1), (missing, 1), (hook("exit 0", 5000), 0)] {
        let hooks = Hooks::start(&[hook]);
        hooks.tell(fact(Occasion::Drain, "a"));
        assert_eq!(until(&hooks, 1).await, [("run", 1), ("failed", expected), ("dropped", 0)]);
    }
}

/// One that hangs, with children that hang: all of them are gone when its time is up.
#[tokio::test]
async fn it_is_killed_with_its_children() {
    let path = file("children");
    let script = format!("sleep 61 & echo $! > {0}; echo $$ >> {0}; sleep 62", path.display());
    let hooks = Hooks::start(&[hook(&script, 300)]);
    let start = Instant::now();
    hooks.tell(fact(Occasion::Down, "a"));
    assert_eq!(until(&hooks, 1).await, [("run", 1), ("failed", 1), ("dropped", 0)]);
    assert!(start.elapsed() < Duration::from_secs(5));
    let pids = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(pids.lines().count(), 2);
    for pid in pids.lines() {
        let start = Instant::now();
        // A zombie waits for its new parent at most.
        while fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(start.elapsed() < Duration::from_secs(5), "{pid} lives on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A thousand at once: nobody waits, what finds no place is dropped, and the rest is run in turn.
#[tokio::test]
async fn a_thousand_at_once() {
    let hooks = Hooks::start(&[hook("sleep 60", 60_000), hook("exit 0", 5000)]);
    let start = Instant::now();
    for number in 0..1000 {
        hooks.tell(fact(Occasion::Down, &number.to_string()));
    }
    let took = start.elapsed();
    assert!(took < Duration::from_millis(100), "{took:?} to tell");
    let [_, _, (_, dropped)] = hooks.counts();
    assert_eq!(dropped, 2 * (1000 - WAITING as u64));
    // The one that hangs keeps the other from nothing.
    assert_eq!(until(&hooks, WAITING as u64).await[1], ("failed", 0));
}
