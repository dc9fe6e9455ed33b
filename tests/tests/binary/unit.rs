//! The packaged unit, under a systemd of its own with all its filters: it starts, answers, reloads, comes back and stops.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use hickory_proto::rr::RecordType;
use serde_json::Value;
use tests::lab::{systemd::Systemd, wait};

use crate::{
    host::{Host, INTERFACE, IPV4, LIVE, NAME, Setup},
    question::{Client, PATIENCE, SETTLING, ips},
};

const UNIT: &str = "tgdns";
const PACKAGED: [&str; 3] = ["systemd/tgdns.service", "sysusers.d/tgdns.conf", "tmpfiles.d/tgdns.conf"];
/// Bits of the unit's capabilities: CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW, CAP_PERFMON, CAP_BPF.
const BOUNDING: u64 = 1 << 10 | 1 << 12 | 1 << 13 | 1 << 38 | 1 << 39;
/// The same without CAP_PERFMON, which is dropped.
const KEPT: u64 = BOUNDING & !(1 << 38);
/// Of systemd's scale from 0 to 10.
const EXPOSURE_BELOW: f32 = 2.0;
/// `WatchdogSec=`, `RestartSec=` and a start, on a busy machine.
const COMES_BACK: Duration = Duration::from_secs(40);

/// Every kind of what the unit's filters could forbid: sockets, echo requests, commands of probes and of hooks, TLS. All of it is in the
/// directories that the unit's own settings make.
fn configuration() -> String {
    format!(
        r#"interfaces = ["{INTERFACE}"]
xdp_mode = "native"
[dns]
listen = ["10.10.10.1:53"]
[[hook]]
command = ["/bin/sh", "-c", "cat >> /var/lib/tgdns/told"]
[[cluster]]
name = "{NAME}"
ttl = 1
probe = [
    {{ type = "tcp", port = 443 }},
    {{ type = "icmp" }},
    {{ type = "exec", command = ["/bin/sh", "-c", "test $TGDNS_ADDRESS != 10.10.10.22"] }},
]
[[cluster.part]]
first = "10.10.10.20"
count = 3
"#
    )
}

#[test]
fn the_service_does_all_under_its_filters() -> Result<()> {
    let host = Host::new(&Setup::default())?;
    let client = host.client("10.10.10.10", IPV4)?;
    let machine = boot(&host)?;

    // It has told systemd that it answers.
    systemctl(&machine, "start")?;
    ensure!(addresses(&client)?.is_some(), "no answer after the start");
    settles(&machine, &client, &LIVE)?;
    check_rights(&machine)?;
    let score = exposure(&machine)?;
    println!("exposure {score}");
    ensure!(score < EXPOSURE_BELOW);

    // The new file holds when the command returns.
    machine.run("sed", &["-i", "s/^ttl = 1/ttl = 2/", "/etc/tgdns/tgdns.toml"])?;
    systemctl(&machine, "reload")?;
    let answer = client.message(NAME, RecordType::A, PATIENCE)?.context("no answer after the reload")?;
    ensure!(answer.answers.first().map(|record| record.ttl) == Some(2), "{answer}");
    tgdns(&machine, &["drain", "internet-1"])?;
    settles(&machine, &client, &LIVE[1..])?;
    wait::until("the hook's word", SETTLING, || {
        let told = machine.run("cat", &["/var/lib/tgdns/told"]);
        Ok(told.and_then(|told| if told.contains("drain") { Ok(()) } else { Err(anyhow!("{told}")) }))
    })?;

    // What hangs is ended by the watchdog, and what dies comes back, with what people said; the program answers meanwhile.
    for (signal, result) in [("STOP", "watchdog"), ("KILL", "killed")] {
        let took = comes_back(&machine, &client, signal)?;
        println!("{result}: back after {took:?}");
    }
    ensure!(machine.property(UNIT, "NRestarts")? == "2");
    settles(&machine, &client, &LIVE[1..])?;

    systemctl(&machine, "stop")?;
    let ended = (machine.property(UNIT, "ActiveState")?, machine.property(UNIT, "Result")?);
    ensure!(ended == ("inactive".to_owned(), "success".to_owned()), "{ended:?}");
    ensure!(addresses(&client)? == Some(ips(&LIVE[1..])?), "the program does not go on");
    let warnings = machine.run(
        "journalctl",
        &["--output=cat", "--priority=warning", "_SYSTEMD_UNIT=tgdns.service", "_COMM=tgdns"],
    )?;
    ensure!(warnings.is_empty(), "{warnings}");
    Ok(())
}

/// As README.md installs it.
fn boot(host: &Host) -> Result<Systemd> {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging");
    let from = PACKAGED.map(|file| packaging.join(file));
    let configuration_file = host.path("unit.toml");
    fs::write(&configuration_file, configuration())?;
    let [unit, user, pins] = &from;
    let files = [
        (unit.as_path(), "systemd/system/tgdns.service"),
        (user.as_path(), "sysusers.d/tgdns.conf"),
        (pins.as_path(), "tmpfiles.d/tgdns.conf"),
        (configuration_file.as_path(), "tgdns/tgdns.toml"),
    ];
    Systemd::boot(&host.run, &host.namespace, &host.program, &files)
}

/// The process is the user's, has the capabilities that it needs and gains none, and its system calls are filtered.
fn check_rights(machine: &Systemd) -> Result<()> {
    let process = machine.property(UNIT, "MainPID")?;
    let status = machine.run("cat", &[&format!("/proc/{process}/status")])?;
    let field = |name: &str| -> Result<String> {
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:\t")));
        line.map(str::to_owned).with_context(|| format!("no {name} in {status}"))
    };
    let set = |name: &str| -> Result<u64> { Ok(u64::from_str_radix(&field(name)?, 16)?) };
    for name in ["CapPrm", "CapEff"] {
        assert_eq!(set(name)?, KEPT, "{name}");
    }
    for name in ["CapInh", "CapAmb"] {
        assert_eq!(set(name)?, 0, "{name}");
    }
    assert_eq!(set("CapBnd")?, BOUNDING);
    assert_eq!((field("NoNewPrivs")?.as_str(), field("Seccomp")?.as_str()), ("1", "2"), "{status}");
    ensure!(!field("Uid")?.starts_with("0\t"), "{status}");
    Ok(())
}

/// What systemd thinks of the unit as it runs.
fn exposure(machine: &Systemd) -> Result<f32> {
    let text = machine.run("systemd-analyze", &["security", "--no-pager", UNIT])?;
    let (_, score) = text.rsplit_once("tgdns.service: ").with_context(|| text.clone())?;
    Ok(score.split_whitespace().next().context("no score")?.parse()?)
}

/// Sends the process a signal, and asks until systemd has started another one; each query is answered as before. Gives how
/// long that takes.
fn comes_back(machine: &Systemd, client: &Client, signal: &str) -> Result<Duration> {
    let before = machine.property(UNIT, "MainPID")?;
    let expected = addresses(client)?;
    machine.run("kill", &[&format!("-{signal}"), &before])?;
    let start = Instant::now();
    loop {
        let told = addresses(client)?;
        ensure!(told == expected, "{told:?} after {:?}", start.elapsed());
        let now = machine.property(UNIT, "MainPID")?;
        if machine.property(UNIT, "ActiveState")? == "active" && now != before {
            return Ok(start.elapsed());
        }
        ensure!(start.elapsed() < COMES_BACK, "not back after {:?}", start.elapsed());
    }
}

fn systemctl(machine: &Systemd, verb: &str) -> Result<()> {
    match machine.run("systemctl", &[verb, UNIT]) {
        Err(error) => Err(error.context(journal(machine)?)),
        Ok(_) => Ok(()),
    }
}

fn journal(machine: &Systemd) -> Result<String> {
    machine.run("journalctl", &["--no-pager", "--lines=30", "--unit", UNIT])
}

fn addresses(client: &Client) -> Result<Option<Vec<std::net::IpAddr>>> {
    client.ask(NAME, RecordType::A, PATIENCE)
}

/// Waits until those servers are handed out.
fn settles(machine: &Systemd, client: &Client, servers: &[&str]) -> Result<()> {
    let expected = ips(servers)?;
    wait::until("the answer", SETTLING, || {
        let found = addresses(client)?;
        if found.as_ref() == Some(&expected) {
            return Ok(Ok(()));
        }
        Ok(Err(anyhow!("{found:?}\n{}", journal(machine)?)))
    })
    .map(drop)
}

fn tgdns(machine: &Systemd, arguments: &[&str]) -> Result<Value> {
    let told = machine.run("/usr/local/sbin/tgdns", &[arguments, &["--json"]].concat())?;
    serde_json::from_str(&told).context(told)
}
