//! What people say of servers: it counts when the command answers, and survives whatever happens to the controller.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    process::Output,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use crate::{
    host::{Host, IPV4, LIVE, NAME, Setup},
    question::ips,
};

mod full_disk;

/// From the request on the control socket to its acknowledgement, at the median: ten times what is promised, for a disk and
/// processors that others use as well.
const AT_MOST: Duration = Duration::from_millis(100);

fn done(output: &Output) -> Result<String> {
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_drained_server_is_gone_when_the_command_answers() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let client = host.client(LIVE[0], IPV4)?;
    let mut took = Vec::new();
    for round in 0..20 {
        for (command, expected) in [("drain", &LIVE[..1]), ("ready", &LIVE[..])] {
            let mut control = UnixStream::connect(host.control())?;
            let request = json!({
                "command": "admin", "state": command, "servers": ["internet-2"], "reason": "a test",
            });
            let start = Instant::now();
            writeln!(control, "{request}")?;
            let mut reply = String::new();
            BufReader::new(control).read_line(&mut reply)?;
            took.push(start.elapsed());
            ensure!(reply.starts_with("{\"ok\":"), "{reply}");
            assert_eq!(client.addresses(NAME, RecordType::A)?, ips(expected)?, "round {round}: {command}");
        }
    }
    took.sort();
    println!("acknowledged within {:?} (median), {:?} (worst)", took[took.len() / 2], took[took.len() - 1]);
    ensure!(took[took.len() / 2] < AT_MOST, "{took:?}");
    Ok(())
}

#[test]
fn states_survive_and_end() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let drained = done(&host.tgdns(&["drain", "internet-1", "--reason", "a fan", "--until", "4s"])?)?;
    ensure!(drained.starts_with("internet-1: drain until "), "{drained}");
    assert_eq!(done(&host.tgdns(&["maint", "internet-3"])?)?, "internet-3: maint\n");
    let history = done(&host.tgdns(&["history", "internet-1", "--json"])?)?;
    let history: Value = serde_json::from_str(&history)?;
    assert_eq!(
        (&history["changes"][0]["from"], &history["changes"][0]["to"]),
        (&json!("unknown"), &json!("up"))
    );
    host.process()?.kill()?;
    host.launch()?;
    let client = host.client(LIVE[0], IPV4)?;
    let status = || -> Result<Value> {
        let output = host.tgdns(&["status", "--json"])?;
        serde_json::from_str(&done(&output)?).context("reading the status")
    };
    let until = Instant::now() + Duration::from_secs(2);
    let status = loop {
        match status() {
            Ok(status) => break status,
            Err(error) => ensure!(Instant::now() < until, "{error:#}"),
        }
    };
    let servers = &status["clusters"][0]["servers"];
    assert_eq!((&servers[0]["admin"], &servers[0]["admin_reason"]), (&json!("drain"), &json!("a fan")));
    assert_eq!(servers[2]["admin"], json!("maint"));
    assert_eq!(client.addresses(NAME, RecordType::A)?, ips(&LIVE[1..])?);
    // Its time is up, and nobody said anything.
    let start = Instant::now();
    while client.addresses(NAME, RecordType::A)? != ips(&LIVE)? {
        ensure!(start.elapsed() < Duration::from_secs(8), "the drain does not end\n{}", host.log());
        thread::sleep(Duration::from_millis(20));
    }
    done(&host.tgdns(&["ready", "internet-3", "--reason", "the disk is in"])?)?;
    let history = done(&host.tgdns(&["history", "internet-3", "--json"])?)?;
    let history: Value = serde_json::from_str(&history)?;
    let mut changes = history["changes"].as_array().into_iter().flatten();
    let ready = changes.find(|change| change["what"] == "admin" && change["to"] == "ready");
    assert_eq!(ready.map(|ready| &ready["cause"]), Some(&json!("the disk is in")), "{history}");
    Ok(())
}

/// Whatever was acknowledged is there after `kill -9` in the middle of changes.
#[test]
fn nothing_acknowledged_is_lost() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    for round in 0..10 {
        let mut control = UnixStream::connect(host.control())?;
        let killer = host.process()?.identifier();
        let end = thread::spawn(move || {
            thread::sleep(Duration::from_millis(3 + 2 * round));
            nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(killer.cast_signed()),
                nix::sys::signal::Signal::SIGKILL,
            )
        });
        let mut acknowledged = None;
        let mut replies = BufReader::new(control.try_clone()?);
        for state in ["drain", "maint", "ready"].iter().cycle() {
            let reason = format!("{round} {state}");
            let request =
                json!({ "command": "admin", "state": state, "servers": ["internet-2"], "reason": reason });
            let mut reply = String::new();
            if writeln!(control, "{request}").is_err() || replies.read_line(&mut reply).unwrap_or(0) == 0 {
                break;
            }
            ensure!(reply.starts_with("{\"ok\":"), "{reply}");
            acknowledged = Some(*state);
        }
        end.join().ok().context("the killer broke")??;
        host.process()?.kill()?;
        let file = std::fs::read_to_string(host.path("state").join("admin.json")).unwrap_or_default();
        let saved: Value = serde_json::from_str(&file).unwrap_or(json!({ "servers": {} }));
        let saved = saved["servers"]["internet-2"]["state"].as_str().unwrap_or("ready").to_owned();
        // The one that was under way may have been saved, but not acknowledged.
        let next = match acknowledged {
            None => "drain",
            Some("drain") => "maint",
            Some("maint") => "ready",
            Some(_) => "drain",
        };
        let before = acknowledged.map_or(saved.clone(), str::to_owned);
        ensure!(saved == before || saved == next, "round {round}: {acknowledged:?}, but {saved} is saved");
        host.launch()?;
        let start = Instant::now();
        while UnixStream::connect(host.control()).is_err() {
            ensure!(start.elapsed() < Duration::from_secs(5), "{}", host.log());
            thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

#[test]
fn wrong_wishes_change_nothing() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    for (arguments, code, expected) in [
        (&["drain", "internet-9"][..], 1, "did you mean \"internet-1\"?"),
        (&["drain", "--all-in", "cellar"], 1, "there is no part \"cellar\": there are internet"),
        (&["maint", "internet-1", "internet-nine"], 1, "there is no server \"internet-nine\""),
        (&["drain", "internet-1", "--until", "soon"], 1, "such as 2h"),
        (&["drain", "internet-1", "--until", "2020-01-01T00:00:00Z"], 1, "in the past"),
        (&["drain"], 2, "SERVER"),
    ] {
        let output = host.tgdns(arguments)?;
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        ensure!(error.contains(expected), "{arguments:?}: {error}");
    }
    let client = host.client(LIVE[0], IPV4)?;
    assert_eq!(client.addresses(NAME, RecordType::A)?, ips(&LIVE)?);
    // A whole part.
    let output = done(&host.tgdns(&["drain", "--all-in", "internet", "--json"])?)?;
    let value: Value = serde_json::from_str(&output)?;
    assert_eq!(value["servers"], json!(["internet-1", "internet-2", "internet-3"]));
    done(&host.tgdns(&["ready", "--all-in", "internet"])?)?;
    assert_eq!(client.addresses(NAME, RecordType::A)?, ips(&LIVE)?);
    Ok(())
}
