//! What the process may do: enough for all that it does, and no more.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Output,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hickory_proto::rr::RecordType;
use serde_json::Value;
use tests::lab::{
    link,
    verdict::{Verdict, VerdictProgram},
    wait,
};

use crate::{
    host::{CABLE, Host, INTERFACE, IPV4, LIVE, NAME, Setup},
    question::{PATIENCE, ips},
    user::User,
};

/// What a service of its own user has, as in packaging/systemd/tgdns.service.
const OF_THE_UNIT: [&str; 5] = ["bpf", "net_admin", "net_bind_service", "net_raw", "perfmon"];
const SOCKETS: &str = r#"["10.10.10.1:53"]"#;
/// CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_BPF.
const KEPT: u64 = 1 << 10 | 1 << 12 | 1 << 39;
const AT_MOST: Duration = Duration::from_secs(5);

/// Root keeps no more than a service's own user, and its threads neither.
#[test]
fn all_threads_of_root_have_dropped_what_they_do_not_need() -> Result<()> {
    let mut host = Host::new(&Setup { listen: SOCKETS, ..Setup::default() })?;
    host.start()?;
    // The disk is written by other threads.
    done(host.tgdns(&["drain", "internet-1"])?)?;
    let threads = threads(host.process()?.identifier())?;
    ensure!(threads.len() > 1, "one thread alone: {threads:?}");
    for status in &threads {
        let set = |name: &str| u64::from_str_radix(status.get(name).map_or("", |text| text), 16);
        assert_eq!((set("CapPrm")?, set("CapEff")?), (KEPT, KEPT), "{status:?}");
        assert_eq!((set("CapInh")?, set("CapBnd")?, set("CapAmb")?), (0, 0, 0), "{status:?}");
        assert_eq!(status.get("NoNewPrivs").map(String::as_str), Some("1"));
    }
    let log = host.log();
    ensure!(log.contains("kept=\"CAP_BPF CAP_NET_ADMIN CAP_NET_BIND_SERVICE\""), "{log}");
    Ok(())
}

/// A command inherits that. It tells what it may not, as the cause of its failure.
#[test]
fn commands_write_where_they_may_and_have_no_capability() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    let (free, other) = (host.path("free"), host.path("other"));
    for directory in [&free, &other] {
        fs::create_dir_all(directory)?;
    }
    let script = format!(
        "echo well > {}/told || exit 1; (echo x > {}/told) 2>/dev/null && echo it may write && exit 1; \
         grep -E '^(Cap(Prm|Eff|Inh|Amb)|NoNew)' /proc/self/status > {0}/status",
        free.display(),
        other.display()
    );
    let clusters = format!(
        "[[cluster]]\nname = \"{NAME}\"\nprobe = {{ type = \"exec\", command = [\"/bin/sh\", \"-c\", '''{script}'''] }}\n\
         [[cluster.part]]\nfirst = \"{}\"\ncount = 2\n",
        LIVE[0]
    );
    let writable = std::slice::from_ref(&free);
    host.configure(&Setup { clusters: &clusters, writable, ..Setup::default() })?;
    host.start()?;
    wait::until("the server's verdict", AT_MOST, || {
        let status = json(&host.tgdns(&["status", "--json"])?)?;
        let server = &status["clusters"][0]["servers"][0];
        Ok(if server["health"] == "up" && server["live"] == true {
            Ok(())
        } else {
            Err(anyhow::anyhow!("{server}\n{}", host.log()))
        })
    })?;
    assert_eq!(fs::read_to_string(free.join("told"))?, "well\n");
    ensure!(!other.join("told").exists(), "it may write anywhere");
    let status = fs::read_to_string(free.join("status"))?;
    for line in status.lines() {
        let (name, value) = line.split_once(":\t").with_context(|| line.to_owned())?;
        let expected = if name == "NoNewPrivs" { "1" } else { "0000000000000000" };
        assert_eq!(value, expected, "{name}");
    }
    assert_eq!(status.lines().count(), 5, "{status}");
    Ok(())
}

/// All that a controller does in its life, as a user with the unit's capabilities.
#[test]
fn a_user_of_its_own_does_all() -> Result<()> {
    let clusters = format!(
        "{}\n[[cluster]]\nname = \"echo.netz\"\nprobe.type = \"icmp\"\n\
         server = [{{ name = \"echo\", address = \"{}\" }}]\n",
        crate::host::CLUSTER,
        LIVE[0]
    );
    let setup = Setup { listen: SOCKETS, clusters: &clusters, ..Setup::default() };
    let mut host = Host::new(&setup)?;
    for directory in [host.path("state"), host.path("control"), host.pins.clone()] {
        fs::create_dir_all(&directory)?;
        User::own(&directory)?;
    }
    host.user = Some(User { capabilities: &OF_THE_UNIT });
    host.start()?;
    let client = host.client("10.10.10.10", IPV4)?;
    let is_answered = |host: &Host, what: &str, servers: &[&str]| -> Result<()> {
        let expected = ips(servers)?;
        let attempt = || {
            let found = client.ask(NAME, RecordType::A, PATIENCE)?;
            Ok(if found.as_ref() == Some(&expected) {
                Ok(())
            } else {
                Err(anyhow::anyhow!("{found:?}\n{}", host.log()))
            })
        };
        wait::until(what, AT_MOST, attempt).map(drop)
    };

    done(host.tgdns(&["drain", "internet-1"])?)?;
    is_answered(&host, "the answer without the drained server", &LIVE[1..])?;
    let text = fs::read_to_string(host.path("tgdns.toml"))?;
    fs::write(host.path("tgdns.toml"), text.replace(SOCKETS, r#"["10.10.10.1:53", "127.0.0.1:53"]"#))?;
    let reloaded = done(host.tgdns(&["reload"])?)?;
    ensure!(reloaded.contains("listen 127.0.0.1:53 added"), "{reloaded}");

    // A device that is gone and comes back.
    host.namespace.run("ip", &["link", "delete", "dev", INTERFACE])?;
    link::connect(&host.namespace, INTERFACE, &host.far, CABLE)?;
    VerdictProgram::load(&host.run, Verdict::Pass)?.attach(&host.far, CABLE)?;
    host.namespace.run("ip", &["address", "add", "10.10.10.1/24", "dev", INTERFACE])?;
    for address in ["10.10.10.10/24", "10.10.10.20/24", "10.10.10.21/24"] {
        host.far.run("ip", &["address", "add", address, "dev", CABLE])?;
    }
    is_answered(&host, "the answer of a device that is back", &LIVE[1..])?;
    // By the program on it, which goes on alone.
    let before = host.counter("fast_path", "answered_a")?;
    wait::until("the fast path of a device that is back", AT_MOST, || {
        is_answered(&host, "its answer", &LIVE[1..])?;
        Ok(if host.counter("fast_path", "answered_a")? > before {
            Ok(())
        } else {
            Err(anyhow::anyhow!("{}", host.log()))
        })
    })?;

    host.process()?.kill()?;
    is_answered(&host, "the answer without a controller", &LIVE[1..])?;
    let before = host.pinned("link", &format!("link-{INTERFACE}"))?;
    host.launch()?;
    let start = Instant::now();
    while host.pinned("link", &format!("link-{INTERFACE}"))?["prog_id"] == before["prog_id"] {
        host.check()?;
        ensure!(start.elapsed() < AT_MOST, "not adopted\n{}", host.log());
        thread::sleep(Duration::from_millis(10));
    }
    is_answered(&host, "the successor's answer", &LIVE[1..])?;
    wait::until("an echo's verdict", AT_MOST, || {
        let status = json(&host.tgdns(&["status", "--json"])?)?;
        let server = &status["clusters"][1]["servers"][0];
        Ok(if server["health"] == "up" { Ok(()) } else { Err(anyhow::anyhow!("{server}\n{}", host.log())) })
    })?;

    host.process()?.terminate()?;
    let removed = done(host.tgdns(&["detach"])?)?;
    ensure!(removed.contains(&format!("/link-{INTERFACE}")), "{removed}");
    ensure!(host.interface(INTERFACE)?["xdp"].is_null(), "still attached");
    Ok(())
}

/// Without sockets three capabilities are enough, for a reload as well.
#[test]
fn a_user_without_sockets_reloads() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    for directory in [host.path("state"), host.path("control"), host.pins.clone()] {
        fs::create_dir_all(&directory)?;
        User::own(&directory)?;
    }
    host.user = Some(User { capabilities: &["bpf", "net_admin", "perfmon"] });
    host.start()?;
    let path = host.path("tgdns.toml");
    let text = fs::read_to_string(&path)?;
    fs::write(
        &path,
        text.replacen(&format!("name = \"{NAME}\""), &format!("name = \"{NAME}\"\nttl = 7"), 1),
    )?;
    let reloaded = done(host.tgdns(&["reload"])?)?;
    ensure!(reloaded.contains("ttl"), "{reloaded}");
    Ok(())
}

/// Whoever may write the state or the configuration could tell tgdns what to do.
#[test]
fn files_that_others_may_write_are_refused() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    let state = host.path("state");
    fs::create_dir_all(&state)?;
    User::own(&state)?;
    User::own(&host.path("tgdns.toml"))?;
    fs::create_dir_all(&host.pins)?;
    User::own(&host.pins)?;
    host.launch()?;
    let ended = host.process()?.child().wait()?;
    assert_eq!(ended.code(), Some(1));
    let log = host.log();
    for refused in [
        format!("state_dir {} belongs to user ", state.display()),
        format!("pin_dir {} belongs to user ", host.pins.display()),
        "the configuration /".to_owned(),
    ] {
        ensure!(log.contains(&refused), "{refused}: {log}");
    }
    Ok(())
}

/// The service starts and answers without them. That is told where it is felt, and ends when it is mended.
#[test]
fn commands_that_others_may_write_are_not_run() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    let (command, notes) = (host.path("command"), host.path("notes"));
    fs::create_dir_all(&notes)?;
    let script = format!("#!/bin/sh\ntouch {}/$TGDNS_SERVER$TGDNS_EVENT\n", notes.display());
    fs::write(&command, script)?;
    fs::set_permissions(&command, fs::Permissions::from_mode(0o757))?;
    let command = command.display();
    let clusters = format!(
        "[[hook]]\ncommand = [\"{command}\"]\non = [\"drain\"]\n{}\n[[cluster]]\nname = \"exec.netz\"\n\
         probe = {{ type = \"exec\", command = [\"{command}\"], interval = \"1s\" }}\n\
         server = [{{ name = \"asked\", address = \"{}\" }}]\n",
        crate::host::CLUSTER,
        LIVE[0]
    );
    let writable = std::slice::from_ref(&notes);
    host.configure(&Setup { clusters: &clusters, writable, ..Setup::default() })?;
    host.start()?;
    let cause = format!("{command} can be written by everybody, so it is not run: `chmod o-w {command}`");
    let probe_is = |host: &Host, health: &str, not_probed: Value| {
        wait::until("the server's probe", AT_MOST, || {
            let status = json(&host.tgdns(&["status", "--json"])?)?;
            let server = &status["clusters"][1]["servers"][0];
            let is_so = server["health"] == health && server["probes"][0]["not_probed"] == not_probed;
            Ok(if is_so { Ok(()) } else { Err(anyhow::anyhow!("{server}\n{}", host.log())) })
        })
    };
    let hooks_are = |host: &Host, run: u64, dropped: u64| {
        let expected = serde_json::json!({ "run": run, "failed": 0, "dropped": dropped });
        wait::until("the counts of hooks", AT_MOST, || {
            let stats = json(&host.tgdns(&["stats", "--json"])?)?;
            let is_so = stats["hooks"] == expected;
            Ok(if is_so { Ok(()) } else { Err(anyhow::anyhow!("{}\n{}", stats["hooks"], host.log())) })
        })
    };
    probe_is(&host, "unknown", format!("cannot run {command}: {cause}").into())?;
    done(host.tgdns(&["drain", "internet-1"])?)?;
    done(host.tgdns(&["drain", "internet-2"])?)?;
    hooks_are(&host, 0, 2)?;
    assert_eq!(fs::read_dir(&notes)?.count(), 0, "it was run");
    let checked = done(host.tgdns(&["check"])?)?;
    ensure!(checked.contains(&format!("warning: exec.netz: probe exec, hook: {cause}\n")), "{checked}");

    fs::set_permissions(host.path("command"), fs::Permissions::from_mode(0o755))?;
    probe_is(&host, "up", Value::Null)?;
    done(host.tgdns(&["drain", "asked"])?)?;
    hooks_are(&host, 1, 2)?;
    ensure!(notes.join("asked").exists() && notes.join("askeddrain").exists());
    let log = host.log();
    for told in ["a hook is not run, and what it was to be told is dropped", "a hook is run again"] {
        assert_eq!(log.matches(told).count(), 1, "{told}: {log}");
    }
    Ok(())
}

/// Name and value of each line of each thread's status.
fn threads(process: u32) -> Result<Vec<BTreeMap<String, String>>> {
    let read = |directory: &Path| -> Result<BTreeMap<String, String>> {
        let text = fs::read_to_string(directory.join("status"))?;
        let lines = text.lines().filter_map(|line| line.split_once(":\t"));
        Ok(lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    };
    let directory = format!("/proc/{process}/task");
    fs::read_dir(directory)?.map(|thread| read(&thread?.path())).collect()
}

fn done(output: Output) -> Result<String> {
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn json(output: &Output) -> Result<Value> {
    serde_json::from_slice(&output.stdout).context("tgdns prints JSON")
}
