//! The built binary: exit codes, help, errors, and a controller's life with the fast path off.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{PipeReader, Read as _},
    net::{SocketAddr, TcpListener, UdpSocket},
    os::{
        fd::OwnedFd,
        unix::fs::{MetadataExt as _, PermissionsExt as _},
    },
    path::PathBuf,
    process::{Child, Command, Output},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;

const TGDNS: &str = env!("CARGO_BIN_EXE_tgdns");
const PATIENCE: Duration = Duration::from_secs(10);

/// A directory with a configuration, removed at the end.
struct Place {
    directory: PathBuf,
}

impl Place {
    fn new(name: &str, config: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("tgdns-{name}-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let config = config.replace("DIRECTORY", directory.to_str().unwrap());
        fs::write(directory.join("tgdns.toml"), config).unwrap();
        Self { directory }
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).to_str().unwrap().to_owned()
    }

    /// Runs a command with this configuration.
    fn tgdns(&self, command: &[&str]) -> Output {
        tgdns(&[command, &["--config", &self.path("tgdns.toml")]].concat())
    }

    fn json(&self, command: &[&str]) -> Value {
        let output = self.tgdns(&[command, &["--json"]].concat());
        assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// `tgdns run` under what passes for systemd, killed at the end; with its log.
struct Controller(Child, PipeReader);

impl Controller {
    fn start(place: &Place) -> Self {
        let (log, journal) = std::io::pipe().unwrap();
        let journal = fs::File::from(OwnedFd::from(journal));
        let metadata = journal.metadata().unwrap();
        let mut run = Command::new(TGDNS);
        run.args(["run", "--config", &place.path("tgdns.toml")])
            .env_remove("RUST_LOG")
            .env("JOURNAL_STREAM", format!("{}:{}", metadata.dev(), metadata.ino()));
        Self(run.stderr(journal).spawn().unwrap(), log)
    }

    /// Gives the exit code and the log.
    fn stop(mut self, signal: &str) -> (Option<i32>, String) {
        let killed = Command::new("kill").args(["-s", signal, &self.0.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let mut log = String::new();
        self.1.read_to_string(&mut log).unwrap();
        (self.0.wait().unwrap().code(), log)
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn tgdns(arguments: &[&str]) -> Output {
    Command::new(TGDNS).args(arguments).env_remove("RUST_LOG").output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        match attempt() {
            Some(value) => return value,
            None if start.elapsed() > PATIENCE => panic!("not within {PATIENCE:?}: {what}"),
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Two servers on addresses of the loopback network, probed often.
fn two_servers(port: u16) -> String {
    two_servers_asked_on(free_address(), port)
}

/// Free for UDP and TCP, and below the ports that the kernel gives to whoever wants any, such as the probes of the tests
/// that run beside.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 1000).unwrap() * 10 + 20_000;
    until("a free port", || {
        let address = SocketAddr::from(([127, 0, 0, 1], first + NEXT.fetch_add(1, Ordering::Relaxed)));
        let free = UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok();
        free.then_some(address)
    })
}

fn two_servers_asked_on(listen: SocketAddr, port: u16) -> String {
    format!(
        r#"
        interfaces = []
        xdp_mode = "off"
        state_dir = "DIRECTORY/state"
        control = "DIRECTORY/control.sock"
        pin_dir = "/sys/fs/bpf/tgdns-is-not-here"
        dns.listen = ["{listen}"]

        [[view]]
        name = "lan"
        clients = ["192.168.0.0/16"]

        [[cluster]]
        name = "internet.intern.netz"
        probe = {{ type = "tcp", port = {port}, interval = "50ms", fast_interval = "20ms" }}

        [[cluster.part]]
        first = "127.0.0.1"
        count = 2
        alias = {{ lan = "192.168.1.100" }}
        "#
    )
}

/// Servers on 127.0.0.1 and 127.0.0.2, on one free port.
fn listeners() -> (TcpListener, TcpListener, u16) {
    until("a port that is free on both addresses", || {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        TcpListener::bind(("127.0.0.2", port)).ok().map(|second| (first, second, port))
    })
}

fn answer(status: &Value, view: &str) -> Vec<String> {
    let answers = status["clusters"][0]["answers"].as_array().unwrap();
    let answer = answers.iter().find(|answer| answer["view"] == view).unwrap();
    let addresses = answer["addresses"].as_array().unwrap();
    addresses.iter().map(|address| address.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_command_shows_examples() {
    for command in ["run", "check", "status", "stats", "query", "detach", "doctor", "forwarder-config"] {
        let output = tgdns(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{command}");
        let help = text(&output.stdout);
        assert!(help.contains(&format!("Examples:\n  tgdns {command}")) || command == "detach", "{help}");
        assert!(
            help.contains("Examples:\n") && help.contains("--json") && help.contains("--config"),
            "{help}"
        );
    }
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    for arguments in [
        &["explode"][..],
        &["status", "--explode"],
        &["query"],
        &["query", "a.test", "--from", "300.1.1.1"],
        &["check", "surplus"],
        &["forwarder-config"],
        &["forwarder-config", "djbdns"],
        &["forwarder-config", "dnsmasq", "--style", "stub"],
        &["forwarder-config", "unbound", "--style", "static-stub"],
    ] {
        let output = tgdns(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains("--help"), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn failures_exit_with_1_and_say_what_to_do() {
    let place = Place::new("failures", &two_servers(1));
    let nowhere = place.path("nowhere.toml");
    let (control, pins) = (place.path("control.sock"), place.path("pins"));
    for (arguments, expected) in [
        (&["run", "--config", &nowhere][..], &[&*nowhere, "--config"][..]),
        (&["check", "--config", &nowhere], &[&nowhere, "--config"]),
        (&["status", "--config", &nowhere], &[&nowhere, "--control", "--config"]),
        (&["status", "--control", &control], &[&control, "no tgdns run answers", "`tgdns run`"]),
        (&["stats", "--control", &control, "--pin-dir", &pins], &[&control, &pins, "neither path"]),
        (&["query", "a.test", "--pin-dir", &pins], &[&pins]),
        (&["forwarder-config", "bind", "--config", &nowhere], &[&nowhere, "--config"]),
        (&["doctor", "--config", &nowhere], &[&nowhere, "--config"]),
        (
            &["forwarder-config", "bind", "--view", "wan", "--config", &place.path("tgdns.toml")],
            &["no view wan", "default, lan"],
        ),
    ] {
        let output = tgdns(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.starts_with("tgdns: "), "{arguments:?}: {error}");
        for part in expected {
            assert!(error.contains(part), "{arguments:?}: {error} does not say {part}");
        }
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn all_mistakes_of_a_configuration_are_told_with_their_places() {
    let place = Place::new("mistakes", "interfaces = 7\nsurplus = 1\n");
    for command in ["check", "run"] {
        let output = place.tgdns(&[command]);
        assert_eq!(output.status.code(), Some(1));
        let error = text(&output.stderr);
        assert!(
            error.contains("tgdns.toml:1:14: ") && error.contains("tgdns.toml:2:1: "),
            "{command}: {error}"
        );
    }
    let output = place.tgdns(&["check", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lines: Vec<u64> =
        told["errors"].as_array().unwrap().iter().map(|error| error["line"].as_u64().unwrap()).collect();
    assert!(lines.contains(&1) && lines.contains(&2), "{told}");
}

/// Each run finds something about this host, whatever it is.
#[test]
fn the_doctor_looks_at_the_host_and_at_interfaces() {
    let place = Place::new("doctor", &two_servers(1).replace("interfaces = []", "interfaces = [\"lo\"]"));
    let configured = text(&place.tgdns(&["doctor"]).stdout).to_owned();
    assert!(configured.starts_with("host\n  ") && configured.contains("\nlo\n  "), "{configured}");
    let output = tgdns(&["doctor", "lo", "tgdns-none", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |subject: &str, check: &str| {
        let mut findings = told["findings"].as_array().unwrap().iter();
        findings.find(|finding| finding["subject"] == subject && finding["check"] == check).unwrap()
    };
    assert_eq!(of("host", "jit")["state"], "ok");
    assert_eq!(of("lo", "queues")["state"], "unknown");
    assert_eq!(of("tgdns-none", "driver")["state"], "advice");
}

#[test]
fn the_forwarder_s_configuration_is_text_and_json() {
    let place = Place::new("forwarder", &two_servers(1));
    let printed = place.tgdns(&["forwarder-config", "bind", "--style", "static-stub", "--view", "lan"]);
    let printed = text(&printed.stdout);
    assert!(printed.contains("server-addresses { 192.168.1.100; 192.168.1.101; };"), "{printed}");

    let json = place.json(&["forwarder-config", "bind"]);
    assert_eq!((&json["server"], &json["style"]), (&"bind".into(), &"forward".into()));
    let files = json["files"].as_array().unwrap();
    let paths: Vec<_> = files.iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/etc/bind/tgdns.options", "/etc/bind/tgdns.zones"]);
    let zones = files[1]["text"].as_str().unwrap();
    assert!(zones.contains("forwarders { 127.0.0.1; 127.0.0.2; };"), "{zones}");
    assert_eq!(files[1]["include"]["into"], "/etc/bind/named.conf.local");
}

#[test]
fn a_running_controller_is_found_in_spite_of_a_mistake_elsewhere_in_the_file() {
    let place = Place::new("mistake", "control = \"DIRECTORY/here.sock\"\nsurplus = 1\n");
    let output = place.tgdns(&["status"]);
    assert!(text(&output.stderr).contains("here.sock"), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn without_capabilities_the_needed_ones_are_named() {
    let config = two_servers(1).replace("xdp_mode = \"off\"", "xdp_mode = \"native\"");
    let place =
        Place::new("capabilities", &config.replace("interfaces = []", "interfaces = [\"tgdns-none\"]"));
    // Root without capabilities: the user's number must not matter. An ordinary user has none anyway.
    let is_root = nix::unistd::geteuid().is_root();
    let mut run = Command::new(if is_root { "setpriv" } else { TGDNS });
    if is_root {
        run.args(["--bounding-set", "-all", "--inh-caps", "-all", TGDNS]);
    }
    let output = run.args(["run", "--config", &place.path("tgdns.toml")]).output().unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("missing CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON: run as root"), "{error}");
    assert!(
        error.contains("interface tgdns-none does not exist; this host has "),
        "all problems at once: {error}"
    );
    assert!(!fs::exists(place.path("state")).unwrap() && !fs::exists(place.path("control.sock")).unwrap());
}

#[test]
fn a_pin_directory_that_is_not_on_bpffs_is_refused() {
    let config = two_servers(1).replace("xdp_mode = \"off\"", "xdp_mode = \"native\"");
    let config = config.replace("interfaces = []", "interfaces = [\"lo\"]");
    let place = Place::new("bpffs", &config.replace("/sys/fs/bpf/tgdns-is-not-here", "DIRECTORY/pins"));
    let output = place.tgdns(&["run"]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("mount -t bpf bpf /sys/fs/bpf"), "{error}");
}

#[test]
fn a_port_in_use_is_refused_and_nothing_is_left_behind() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let place = Place::new("port", &two_servers_asked_on(address, 1));
    let output = place.tgdns(&["run"]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains(&address.to_string()) && error.contains("in use"), "{error}");
    assert!(!fs::exists(place.path("control.sock")).unwrap());
}

#[test]
fn a_controller_s_life() {
    let (first, second, port) = listeners();
    let place = Place::new("life", &two_servers(port));
    let controller = Controller::start(&place);
    let status = |wanted: &[&str]| {
        until(&format!("{wanted:?} in the answers"), || {
            let output = place.tgdns(&["status", "--json"]);
            let status: Value = serde_json::from_slice(&output.stdout).ok()?;
            (answer(&status, "lan") == wanted).then_some(status)
        })
    };

    let both = status(&["192.168.1.100", "192.168.1.101"]);
    assert_eq!(both["pid"], controller.0.id());
    assert_eq!(both["clusters"][0]["name"], "internet.intern.netz");
    assert_eq!(answer(&both, "default"), ["127.0.0.1", "127.0.0.2"]);
    let server = &both["clusters"][0]["servers"][1];
    for (key, expected) in
        [("name", "internet-2"), ("address", "127.0.0.2"), ("health", "up"), ("admin", "ready")]
    {
        assert_eq!(server[key], expected, "{key}");
    }
    assert_eq!(server["live"], true);

    drop(second);
    let one = status(&["192.168.1.100"]);
    let server = &one["clusters"][0]["servers"][1];
    assert_eq!((&server["health"], &server["live"]), (&"down".into(), &false.into()));
    assert_eq!(server["cause"], "connection refused (3 failures in a row)");
    assert_eq!(one["clusters"][0]["handed_out"], "live");

    drop(first);
    let none = status(&["192.168.1.100", "192.168.1.101"]);
    assert_eq!(none["clusters"][0]["handed_out"], "all", "all down is answered with all");

    let table = place.tgdns(&["status"]);
    assert!(text(&table.stdout).contains("0 of 2 servers live"), "{}", text(&table.stdout));
    assert!(place.json(&["stats"])["slow_path"]["received"].is_u64());

    let another = place.tgdns(&["run"]);
    assert_eq!(another.status.code(), Some(1));
    assert!(text(&another.stderr).contains("another tgdns run answers at"), "{}", text(&another.stderr));

    let (code, log) = controller.stop("TERM");
    assert_eq!(code, Some(0), "{log}");
    assert!(!fs::exists(place.path("control.sock")).unwrap(), "the socket is removed");
    let down = "health changed cluster=\"internet.intern.netz\" server=\"internet-2\" address=127.0.0.2 from=\"up\" \
                to=\"down\" cause=\"connection refused (3 failures in a row)\"";
    assert_eq!(log.lines().filter(|line| line.contains(down)).count(), 1, "{log}");
    assert!(
        log.contains("too few servers are live: all of them are handed out")
            && log.contains("stopped signal=\"SIGTERM\""),
        "{log}"
    );
    let begins = |line: &str| ["<4> WARN ", "<6> INFO "].iter().any(|begin| line.starts_with(begin));
    assert!(log.lines().all(begins), "priorities and no timestamps under systemd: {log}");
    assert!(log.lines().any(|line| line.starts_with("<4> WARN too few servers")), "{log}");
}

#[test]
fn an_interrupt_ends_it_too() {
    let (_first, _second, port) = listeners();
    let place = Place::new("interrupt", &two_servers(port));
    let controller = Controller::start(&place);
    until("a status", || place.tgdns(&["status"]).status.success().then_some(()));
    let (code, log) = controller.stop("INT");
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("SIGINT"), "{log}");
}

/// Told before it is live, and when it is.
#[test]
fn commands_that_others_may_change_or_that_are_not_there_are_warned_of() {
    let (_first, _second, port) = listeners();
    let hooks = "hook = [{ command = [\"DIRECTORY/tell\"] }, { command = [\"/nonexistent/tell\"] }]\n";
    let place = Place::new("commands", &format!("{hooks}{}", two_servers(port)));
    let tell = place.path("tell");
    fs::write(&tell, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&tell, fs::Permissions::from_mode(0o757)).unwrap();
    let expected = [
        "there is no /nonexistent, on the way to /nonexistent/tell: put it there, or correct `command`"
            .to_owned(),
        format!("{tell} can be written by everybody, so it is not run: `chmod o-w {tell}`"),
    ]
    .map(|cause| format!("hook: {cause}"));
    let shown = place.tgdns(&["check"]);
    let json = place.json(&["check"]);
    let controller = Controller::start(&place);
    until("a status", || place.tgdns(&["status"]).status.success().then_some(()));
    let (_, log) = controller.stop("TERM");
    for line in expected {
        assert!(text(&shown.stdout).contains(&format!("warning: {line}\n")), "{}", text(&shown.stdout));
        assert!(json["warnings"].as_array().unwrap().contains(&Value::from(line.as_str())), "{json}");
        assert!(log.contains(&line), "{log}");
    }
}
