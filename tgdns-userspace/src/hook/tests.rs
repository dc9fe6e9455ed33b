use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use super::*;

/// What can only fail by never coming.
const PATIENCE: Duration = Duration::from_secs(60);

fn fact(event: Occasion, server: &str) -> Fact {
    let [from, cluster, address, at] =
        ["up", "c.netz", "10.0.0.1", "1970-01-01T00:00:01.000Z"].map(str::to_owned);
    Fact {
        event,
        cluster,
        view: None,
        server: Some(server.to_owned()),
        address: Some(address),
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
        assert!(start.elapsed() < PATIENCE, "{:?}", hooks.counts());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    hooks.counts()
}

#[tokio::test]
async fn it_is_told_the_facts_and_only_where_it_asked() {
    let path = file("facts");
    let script = format!("{{ cat; echo; env | grep ^TGDNS_ | sort; }} >> {}", path.display());
    let hooks = Hooks::start(&[hook(&script, 60_000)]);
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
    let missing = Hook { call: Call::Command(vec!["/nonexistent".to_owned()]), ..hook("", 60_000) };
    for (hook, expected) in [(hook("exit 3", 60_000), 1), (missing, 1), (hook("exit 0", 60_000), 0)] {
        let hooks = Hooks::start(&[hook]);
        hooks.tell(fact(Occasion::Drain, "a"));
        assert_eq!(until(&hooks, 1).await, [("run", 1), ("failed", expected), ("dropped", 0)]);
    }
}

/// A command that everybody can write is not run, until that is mended.
#[tokio::test]
async fn what_somebody_else_could_change_is_not_run() {
    let (script, note) = (file("untrusted"), file("run"));
    fs::write(&script, format!("#!/bin/sh\necho $TGDNS_SERVER >> {}\n", note.display())).unwrap();
    let mode = |mode| fs::set_permissions(&script, fs::Permissions::from_mode(mode)).unwrap();
    let call = Call::Command(vec![script.display().to_string()]);
    let mut hooks = Hooks::start(&[Hook { call, ..hook("", 60_000) }]);
    for (writers, server) in [(0o757, "a"), (0o777, "b"), (0o755, "c")] {
        mode(writers);
        hooks.tell(fact(Occasion::Down, server));
        hooks.told().await;
    }
    assert_eq!(hooks.counts(), [("run", 1), ("failed", 0), ("dropped", 2)]);
    assert_eq!(fs::read_to_string(&note).unwrap(), "c\n");
    for path in [script, note] {
        fs::remove_file(path).unwrap();
    }
}

/// One that hangs, with children that hang: all of them are gone when its time is up. The clock stands still until they are there.
#[tokio::test(start_paused = true)]
async fn it_is_killed_with_its_children() {
    let path = file("children");
    let script = format!("sleep 610 & echo $! > {0}; echo $$ >> {0}; sleep 620", path.display());
    let hooks = Hooks::start(&[hook(&script, 60_000)]);
    hooks.tell(fact(Occasion::Down, "a"));
    let note = path.clone();
    let written = tokio::task::spawn_blocking(move || {
        let start = Instant::now();
        loop {
            let pids = fs::read_to_string(&note).unwrap_or_default();
            if pids.lines().count() == 2 {
                return pids;
            }
            assert!(start.elapsed() < PATIENCE, "{pids}");
            thread::sleep(Duration::from_millis(5));
        }
    });
    let pids = written.await.unwrap();
    assert_eq!(until(&hooks, 1).await, [("run", 1), ("failed", 1), ("dropped", 0)]);
    fs::remove_file(&path).unwrap();
    for pid in pids.lines() {
        let start = Instant::now();
        // A zombie waits for its new parent at most.
        while fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(start.elapsed() < PATIENCE, "{pid} lives on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A thousand at once: nobody waits, what finds no place is dropped, and the rest is run in turn.
#[tokio::test]
async fn a_thousand_at_once() {
    let hooks = Hooks::start(&[hook("sleep 600", 600_000), hook("exit 0", 60_000)]);
    let start = Instant::now();
    for number in 0..1000 {
        hooks.tell(fact(Occasion::Down, &number.to_string()));
    }
    let took = start.elapsed();
    assert!(took < PATIENCE, "{took:?} to tell");
    let [_, _, (_, dropped)] = hooks.counts();
    assert_eq!(dropped, 2 * (1000 - WAITING as u64));
    // The one that hangs keeps the other from nothing.
    assert_eq!(until(&hooks, WAITING as u64).await[1], ("failed", 0));
}

/// A reload that changes one hook leaves the other with what it is at, what waits for it, and its counts.
#[tokio::test]
async fn what_stays_the_same_goes_on() {
    let (path, go) = (file("stays"), file("go"));
    let script = format!(
        "echo $TGDNS_SERVER >> {}; while [ ! -e {} ]; do sleep 0.01; done",
        path.display(),
        go.display()
    );
    let stays = hook(&script, 600_000);
    let mut hooks = Hooks::start(&[hook("exit 1", 60_000), stays.clone()]);
    hooks.tell(fact(Occasion::Down, "a"));
    hooks.tell(fact(Occasion::Down, "b"));
    // The first one has failed twice, and the other is at its first fact.
    assert_eq!(until(&hooks, 2).await, [("run", 2), ("failed", 2), ("dropped", 0)]);
    hooks.follow(&[stays, hook("exit 0", 60_000)]);
    hooks.tell(fact(Occasion::Down, "c"));
    fs::write(&go, "").unwrap();
    assert_eq!(until(&hooks, 6).await, [("run", 6), ("failed", 2), ("dropped", 0)]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\nc\n");
    for path in [path, go] {
        fs::remove_file(path).unwrap();
    }
}

/// At a stop, and of a reload that takes it away.
#[tokio::test]
async fn what_waits_is_told_before_the_end() {
    let path = file("end");
    let script = format!("sleep 0.1; echo $TGDNS_SERVER >> {}", path.display());
    for stops in [true, false] {
        let mut hooks = Hooks::start(&[hook(&script, 60_000)]);
        ["a", "b", "c"].into_iter().for_each(|server| hooks.tell(fact(Occasion::Down, server)));
        if stops {
            hooks.told().await;
        } else {
            hooks.follow(&[hook("exit 0", 60_000)]);
            hooks.tell(fact(Occasion::Up, "d"));
            until(&hooks, 3).await;
        }
        assert_eq!(hooks.counts(), [("run", 3), ("failed", 0), ("dropped", 0)]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\nc\n", "stops: {stops}");
        fs::remove_file(&path).unwrap();
    }
}

/// Of one that a reload takes away, and at the end. The clock goes on when nothing else does.
#[tokio::test(start_paused = true)]
async fn what_a_hook_that_hangs_misses_is_counted() {
    let mut hooks = Hooks::start(&[hook("sleep 600", 600_000), hook("exec sleep 601", 600_000)]);
    ["a", "b", "c"].into_iter().for_each(|server| hooks.tell(fact(Occasion::Down, server)));
    hooks.follow(&[hook("exec sleep 602", 600_000)]);
    let start = tokio::time::Instant::now();
    hooks.told().await;
    assert_eq!(start.elapsed().as_secs(), RUN_OUT.as_secs());
    assert_eq!(hooks.counts(), [("run", 0), ("failed", 0), ("dropped", 6)]);
    hooks.tell(fact(Occasion::Down, "d"));
    let counts = Arc::clone(&hooks.counts);
    drop(hooks);
    assert_eq!(counts.dropped.load(Ordering::Relaxed), 7);
}

#[test]
fn the_log_has_no_secrets_of_a_command() {
    let hook = Hook {
        call: Call::Command(["/bin/tell", "--token", "hunter2"].map(str::to_owned).to_vec()),
        ..hook("", 1)
    };
    assert_eq!(hook.call.to_string(), "/bin/tell");
}
