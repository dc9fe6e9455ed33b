//! Other people's servers, with the same name and the same three addresses.

use std::{fmt::Write as _, fs, net::Ipv4Addr, path::PathBuf};

use anyhow::{Context as _, Result};

use super::NAME;
use crate::{
    bench::cable::{FIRST_SERVER, SERVER},
    lab::{loadbalancer::INTERFACE, namespace::Namespace, process::Process, program, run::Run},
};

/// What is measured beside tgdns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    Nsd,
    Knot,
    /// Knot over AF_XDP sockets.
    KnotXdp,
    Gdnsd,
    Dnsdist,
}

impl Peer {
    pub(super) const ALL: [Self; 5] = [Self::Nsd, Self::Knot, Self::KnotXdp, Self::Gdnsd, Self::Dnsdist];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nsd => "NSD",
            Self::Knot => "Knot",
            Self::KnotXdp => "Knot with XDP",
            Self::Gdnsd => "gdnsd",
            Self::Dnsdist => "dnsdist",
        }
    }

    /// Of its namespaces and files.
    pub(super) fn machine(self) -> &'static str {
        match self {
            Self::Nsd => "nsd",
            Self::Knot => "knot",
            Self::KnotXdp => "knot-xdp",
            Self::Gdnsd => "gdnsd",
            Self::Dnsdist => "dnsdist",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Nsd => "nsd",
            Self::Knot | Self::KnotXdp => "knotd",
            Self::Gdnsd => "gdnsd",
            Self::Dnsdist => "dnsdist",
        }
    }

    /// Starts it with a configuration of its own, in the foreground.
    pub(super) fn start(self, run: &Run, host: &Namespace) -> Result<Process> {
        let directory = run.directory().join(self.machine());
        fs::create_dir_all(directory.join("zones")).context("making a peer's directory")?;
        let at = directory.display().to_string();
        let configuration = match self {
            Self::Nsd => nsd(&at),
            Self::Knot => knot(&at, ""),
            Self::KnotXdp => knot(&at, &format!("xdp:\n  listen: {INTERFACE}@53\n")),
            Self::Gdnsd => gdnsd(&at),
            Self::Dnsdist => dnsdist(),
        };
        // gdnsd takes its zones' names from their files'.
        fs::write(directory.join("zones/intern.netz"), zone()).context("writing a peer's zone")?;
        let file = directory.join("config");
        fs::write(&file, configuration).context("writing a peer's configuration")?;
        let file = file.display().to_string();
        let arguments: Vec<&str> = match self {
            Self::Nsd => vec!["-d", "-c", &file],
            Self::Knot | Self::KnotXdp => vec!["-c", &file],
            Self::Gdnsd => vec!["-c", &at, "start"],
            Self::Dnsdist => vec!["--supervised", "--disable-syslog", "-C", &file],
        };
        Process::start(run, host, self.machine(), &copy_of(run, self)?, arguments)
    }
}

/// The path of a copy of the system's program. Distributions confine name servers to files of theirs by their path; a copy may
/// read the run's.
fn copy_of(run: &Run, peer: Peer) -> Result<PathBuf> {
    let original = program::path(peer.program()).context("`cargo xtask bench --peers` installs it")?;
    let copy = run.directory().join(format!("{}-program", peer.machine()));
    fs::copy(&original, &copy).with_context(|| format!("copying {}", original.display()))?;
    Ok(copy)
}

/// With the addresses that the lab's clusters have.
fn zone() -> String {
    let mut zone = format!("$TTL 1\n@ SOA ns hostmaster 1 1200 180 1209600 5\n@ NS ns\nns A {SERVER}\n");
    let label = NAME.trim_end_matches(".intern.netz");
    for address in addresses() {
        // Writing to a string does not fail.
        let _ = writeln!(zone, "{label} A {address}");
    }
    zone
}

fn addresses() -> [Ipv4Addr; 3] {
    [0, 1, 2].map(|number| Ipv4Addr::from(u32::from(FIRST_SERVER) + number))
}

fn nsd(directory: &str) -> String {
    format!(
        r#"server:
  server-count: 2
  reuseport: yes
  ip-address: {SERVER}
  username: ""
  chroot: ""
  zonesdir: "{directory}/zones"
  database: ""
  zonelistfile: "{directory}/zone.list"
  xfrdfile: "{directory}/xfrd.state"
  xfrdir: "{directory}"
  pidfile: "{directory}/pid"
  logfile: "{directory}/log"
  minimal-responses: yes
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: intern.netz
  zonefile: intern.netz
"#
    )
}

fn knot(directory: &str, xdp: &str) -> String {
    format!(
        r#"server:
  rundir: "{directory}"
  listen: {SERVER}@53
  udp-workers: 2
{xdp}log:
  - target: "{directory}/log"
    any: info
database:
  storage: "{directory}/db"
template:
  - id: default
    storage: "{directory}/zones"
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
zone:
  - domain: intern.netz
    file: intern.netz
"#
    )
}

fn gdnsd(directory: &str) -> String {
    format!(
        "options => {{\n  listen => {SERVER}\n  udp_threads => 2\n  run_dir => {directory}/run\n  state_dir => {directory}/state\n}}\n"
    )
}

/// Without anybody behind it: it answers by a rule.
fn dnsdist() -> String {
    let addresses = addresses().map(|address| format!("\"{address}\""));
    format!(
        "setLocal(\"{SERVER}:53\", {{ reusePort = true }})\nsetACL(\"0.0.0.0/0\")\nsetSecurityPollSuffix(\"\")\n\
         addAction(QNameRule(\"{NAME}.\"), SpoofAction({{ {} }}))\n",
        addresses.join(", ")
    )
}
