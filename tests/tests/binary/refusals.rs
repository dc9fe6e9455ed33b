//! Starts that cannot work: one message that says what to do, exit code 1, and nothing changed.

use std::{
    fmt::Write as _,
    fs,
    net::UdpSocket,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use hickory_proto::rr::RecordType;
use serde_json::Value;
use tests::lab::{
    program,
    verdict::{Verdict, VerdictProgram},
};

use crate::{
    host::{CLUSTER, Host, INTERFACE, IPV4, LIVE, NAME, Setup},
    question::ips,
};

#[test]
fn another_program_is_attached() -> Result<()> {
    let host = Host::new(&Setup::default())?;
    VerdictProgram::load(&host.run, Verdict::Pass)?.attach(&host.namespace, INTERFACE)?;
    let attached = host.interface(INTERFACE)?["xdp"]["prog"]["id"].to_string();
    for xdp_mode in ["native", "generic"] {
        host.configure(&Setup { xdp_mode, ..Setup::default() })?;
        let remedy = format!("`ip link set dev {INTERFACE} xdp off`");
        check_start(&host, &[&format!("(verdict, id {attached}, native mode)"), &remedy])?;
    }
    // As it was told.
    host.namespace.run("ip", &["link", "set", "dev", INTERFACE, "xdp", "off"])?;
    let mut host = host;
    host.start()
}

/// It has its own remedy: no other tool takes it away, as a link holds it.
#[test]
fn another_tgdns_is_attached() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    host.process()?.terminate()?;
    let old = std::mem::replace(&mut host.pins, host.run.pins().join("other"));
    host.configure(&Setup::default())?;
    let remedy = format!("`tgdns detach --pin-dir {}`", old.display());
    check_start(&host, &["(tgdns, id ", "native mode)", "it is tgdns's own", &remedy])?;
    // As it was told.
    let mut detach = host.namespace.command(&host.program);
    program::run_command(detach.args(["detach", "--pin-dir"]).arg(&old))?;
    host.start()
}

/// Two controllers with control sockets of their own would be two writers.
#[test]
fn another_controller_has_the_pins() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let process = host.process()?.identifier();
    let pieces = [format!("tgdns (pid {process})"), format!("`kill {process}`")];
    let pieces =
        [&pieces[0], &*host.pins.display().to_string(), "stop it first", &pieces[1], "another pin_dir"];
    let other = host.path("other/socket").display().to_string();
    check(&host, host.command(&["run", "--control", &other]), &pieces)?;
    check(&host, host.command(&["detach"]), &pieces)?;
    host.configure(&Setup { xdp_mode: "off", listen: r#"["10.10.10.1:53"]"#, ..Setup::default() })?;
    check(&host, host.command(&["run", "--control", &other]), &pieces)
}

#[test]
fn driver_has_no_native_mode() -> Result<()> {
    let host = Host::new(&Setup { interfaces: &["tgdns-bridge"], ..Setup::default() })?;
    host.namespace.run("ip", &["link", "add", "tgdns-bridge", "type", "bridge"])?;
    host.namespace.run("ip", &["link", "set", "dev", "tgdns-bridge", "up"])?;
    let pieces = [
        "the driver bridge of tgdns-bridge",
        "native mode",
        "gro-hw off",
        "xdp_mode = \"generic\"",
        "\"off\"",
    ];
    check_start(&host, &pieces)
}

/// Nor do the interfaces before it change their mode.
#[test]
fn a_later_interface_has_no_native_mode() -> Result<()> {
    let interfaces = &[INTERFACE, "tgdns-bridge"];
    let mut host = Host::new(&Setup { interfaces, xdp_mode: "generic", ..Setup::default() })?;
    host.namespace.run("ip", &["link", "add", "tgdns-bridge", "type", "bridge"])?;
    host.namespace.run("ip", &["link", "set", "dev", "tgdns-bridge", "up"])?;
    host.start()?;
    host.process()?.terminate()?;
    host.configure(&Setup { interfaces, ..Setup::default() })?;
    let output = host.tgdns(&["run"])?;
    let message = String::from_utf8(output.stderr)?;
    assert!(message.contains("the driver bridge of tgdns-bridge refuses native mode"), "{message}");
    for interface in interfaces {
        assert_eq!(host.interface(interface)?["xdp"]["mode"].as_u64(), Some(2), "{interface}: {message}");
    }
    let client = host.client(LIVE[0], IPV4)?;
    assert_eq!(client.addresses(NAME, RecordType::A)?, ips(&LIVE)?);
    Ok(())
}

#[test]
fn pins_are_not_on_a_bpf_file_system() -> Result<()> {
    let directory = std::env::temp_dir().join(format!("tgdns-no-bpffs-{}", std::process::id()));
    let host = Host::new(&Setup { pins: Some(directory.clone()), ..Setup::default() })?;
    check_start(
        &host,
        &[
            &format!("pin_dir {} is not on a BPF filesystem", directory.display()),
            "mount -t bpf bpf /sys/fs/bpf",
        ],
    )?;
    assert!(!directory.exists());
    Ok(())
}

#[test]
fn interface_is_missing() -> Result<()> {
    let host = Host::new(&Setup { interfaces: &["tgdns-gone"], ..Setup::default() })?;
    let existing = format!("this host has lo, {INTERFACE}: correct `interfaces`");
    check_start(&host, &["interface tgdns-gone does not exist", &existing])
}

#[test]
fn port_is_in_use() -> Result<()> {
    let host = Host::new(&Setup { listen: r#"["0.0.0.0:53"]"#, ..Setup::default() })?;
    let _holder = host.namespace.enter(|| UdpSocket::bind("10.10.10.1:53"))?.context("binding")?;
    let holder = format!("(process {})", std::process::id());
    check_start(&host, &["0.0.0.0:53 is in use by", &holder, "stop it", "`listen = []`"])
}

#[test]
fn capabilities_are_missing() -> Result<()> {
    let clusters = CLUSTER.replace("type = \"tcp\"\nport = 443", "type = \"icmp\"");
    let setup = Setup { listen: r#"["0.0.0.0:53"]"#, clusters: &clusters, ..Setup::default() };
    let host = Host::new(&setup)?;
    // Where everybody may run.
    fs::create_dir(host.path("state"))?;
    let copy = host.path("tgdns");
    fs::copy(&host.program, &copy)?;
    let without = ["--bounding-set", "-all", "--inh-caps", "-all", "--no-new-privs"];
    for (owner, user) in [(65_534, &["--reuid", "65534", "--regid", "65534", "--clear-groups"][..]), (0, &[])]
    {
        chown(host.path("state"), Some(owner), None)?;
        let mut command = host.namespace.command("setpriv");
        command.args(without).args(user).arg("--").arg(&copy);
        command.args(["run", "--config"]).arg(host.path("tgdns.toml"));
        check(
            &host,
            command,
            &[
                "missing CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, CAP_NET_BIND_SERVICE, CAP_NET_RAW:",
                "run as root",
                "AmbientCapabilities=",
            ],
        )?;
    }
    Ok(())
}

#[test]
fn maps_hold_fewer_names() -> Result<()> {
    let mut clusters = String::new();
    for index in 0..600 {
        write!(
            clusters,
            "[[cluster]]\nname = \"c{index}.intern.netz\"\n[cluster.probe]\ntype = \"tcp\"\nport = 443\n\
             [[cluster.part]]\nfirst = \"10.10.10.20\"\ncount = 1\n"
        )?;
    }
    for (xdp_mode, listen) in [("native", "[]"), ("off", r#"["10.10.10.1:53"]"#)] {
        let host = Host::new(&Setup { clusters: &clusters, xdp_mode, listen, ..Setup::default() })?;
        let pieces = ["600 clusters", "the maps hold 511", "use fewer clusters or views"];
        check_start(&host, &pieces)?;
        check(&host, host.command(&["check"]), &pieces)?;
        check(&host, host.command(&["check", "--json"]), &pieces)?;
    }
    Ok(())
}

fn check_start(host: &Host, pieces: &[&str]) -> Result<()> {
    check(host, host.command(&["run"]), pieces)
}

/// Runs a command that has to be refused with a message that has all pieces in this order.
fn check(host: &Host, mut command: Command, pieces: &[&str]) -> Result<()> {
    let before = traces(host)?;
    // A start that works would not end.
    let mut limited = Command::new("timeout");
    limited.args(["--signal", "KILL", "10"]).arg(command.get_program()).args(command.get_args());
    command = limited;
    let output = command.output().context("running tgdns")?;
    let message = String::from_utf8(output.stderr)?;
    println!("{message}");
    assert_eq!(output.status.code(), Some(1), "{command:?}: {message}");
    let mut rest = message.as_str();
    for piece in pieces {
        let found = rest.split_once(piece);
        rest = found.with_context(|| format!("{piece:?} is missing in: {message}"))?.1;
    }
    let lines: Vec<_> = message.lines().filter(|line| line.starts_with("tgdns: ")).collect();
    assert_eq!(lines.len(), 1, "{message}");
    assert_eq!(traces(host)?, before, "after: {message}");
    Ok(())
}

/// What a start would change: programs on interfaces, pins, and files, such as the control socket and its directory.
fn traces(host: &Host) -> Result<(Vec<Value>, Vec<PathBuf>)> {
    let text = host.namespace.run("ip", &["-json", "-details", "link", "show"])?;
    let mut interfaces: Vec<Value> = serde_json::from_str(&text)?;
    // A bridge's timers run.
    interfaces.iter_mut().filter_map(Value::as_object_mut).for_each(|interface| {
        interface.remove("linkinfo");
    });
    let mut files = Vec::new();
    below(&host.run.pins(), &mut files)?;
    below(&host.run.directory(), &mut files)?;
    files.sort();
    Ok((interfaces, files))
}

fn below(directory: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            below(&path, found)?;
        }
        found.push(path);
    }
    Ok(())
}
