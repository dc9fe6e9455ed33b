//! A DNS server as Debian has it, told by `tgdns forwarder-config` whom to ask.
//!
//! It runs in a machine's network namespace, and sees an `/etc` of its own: this machine's, with the printed files at
//! the printed paths, and with what an administrator adds by hand (see [`Recipe`]).

mod bind;
mod dnsmasq;
mod knot_resolver;
mod pdns_recursor;
mod systemd_resolved;
mod unbound;

use std::{
    ffi::OsString,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use tgdns::forwarder::DnsServer;

use super::{namespace::Namespace, process::Process, program, run::Run};

/// Gives a program an `/etc` and other directories of its own.
const PRIVATE: &str = include_str!("resolver/private.sh");
/// From the start to the first open port.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Resolver {
    pub namespace: Arc<Namespace>,
    pub address: SocketAddr,
    /// What it was told, file by file.
    pub printed: Vec<Printed>,
    process: Process,
}

/// A file that `tgdns forwarder-config` prints.
#[derive(Clone, Debug, Deserialize)]
pub struct Printed {
    pub path: String,
    pub text: String,
    pub include: Option<Include>,
}

/// The line by which the administrator makes the DNS server read a file.
#[derive(Clone, Debug, Deserialize)]
pub struct Include {
    pub into: String,
    pub line: String,
}

/// How one DNS server is run.
struct Recipe {
    /// The program's path.
    program: PathBuf,
    arguments: Vec<String>,
    /// A program that accepts or refuses the configuration, and its arguments.
    checker: Option<(&'static str, Vec<String>)>,
    /// What is written beside the printed files: where to listen, and the lines that are added by hand.
    files: Vec<(&'static str, String)>,
    /// Directories in whose place it sees empty ones.
    empty: &'static [&'static str],
    /// What it would log if it did not understand a setting.
    complaints: &'static [&'static str],
}

impl Printed {
    /// The files of what `tgdns forwarder-config --json` prints.
    pub fn of_json(json: &Value) -> Result<Vec<Self>> {
        let files = Vec::deserialize(&json["files"]);
        files.with_context(|| format!("reading what tgdns forwarder-config prints: {json}"))
    }
}

impl Resolver {
    /// Starts it, after its checker has accepted the configuration. It answers on port 53 of an address.
    pub fn start(
        run: &Run,
        namespace: Arc<Namespace>,
        address: Ipv4Addr,
        server: DnsServer,
        printed: Vec<Printed>,
    ) -> Result<Self> {
        let recipe = match server {
            DnsServer::Bind => bind::recipe(&printed),
            DnsServer::Unbound => unbound::recipe(address),
            DnsServer::Dnsmasq => dnsmasq::recipe(),
            DnsServer::KnotResolver => knot_resolver::recipe(address, &printed),
            DnsServer::PdnsRecursor => pdns_recursor::recipe(address, &printed),
            DnsServer::SystemdResolved => systemd_resolved::recipe(address),
            DnsServer::Windows => bail!("there is no Windows in the lab"),
        }?;
        let place = Place::new(run, &namespace, &recipe, &printed)?;
        let unshare = program::path("unshare")?;
        if let Some((checker, arguments)) = &recipe.checker {
            let mut command = namespace.command(&unshare);
            command.args(place.arguments(&program::path(checker)?, arguments));
            program::run_command(&mut command).context("the checker refuses the configuration")?;
        }
        let arguments = place.arguments(&place.copy_of(&recipe.program)?, &recipe.arguments);
        let name = format!("{}-{}", server.as_str(), namespace.machine());
        let process = Process::start(run, &namespace, &name, &unshare, arguments)?;
        let address = SocketAddr::from((address, 53));
        let mut resolver = Self { namespace, address, printed, process };
        resolver.wait_until_it_listens()?;
        let log = resolver.process.log()?;
        if let Some(complaint) = recipe.complaints.iter().find(|complaint| log.contains(**complaint)) {
            bail!("{} does not understand its configuration: {complaint}\n{log}", server.as_str());
        }
        Ok(resolver)
    }

    /// Fails where it has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        self.process.check()
    }

    /// The last lines that it logged.
    pub fn log_tail(&self) -> String {
        self.process.log_tail()
    }

    fn wait_until_it_listens(&mut self) -> Result<()> {
        let start = Instant::now();
        loop {
            self.process.check()?;
            let sockets = self.namespace.run("cat", &["/proc/self/net/udp"])?;
            if sockets.contains(&in_proc_net(self.address)) || sockets.contains(" 00000000:0035 ") {
                return Ok(());
            }
            ensure!(start.elapsed() < PATIENCE, "{} is silent\n{}", self.address, self.process.log_tail());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A local address as `/proc/net/udp` shows it.
fn in_proc_net(address: SocketAddr) -> String {
    let SocketAddr::V4(address) = address else { return String::new() };
    format!(" {:08X}:{:04X} ", u32::from_le_bytes(address.ip().octets()), address.port())
}

/// The directory of one resolver in a run's.
struct Place {
    directory: PathBuf,
    empty: &'static [&'static str],
}

impl Place {
    fn new(run: &Run, namespace: &Namespace, recipe: &Recipe, printed: &[Printed]) -> Result<Self> {
        let directory = run.directory().join(namespace.machine()).join("resolver");
        let place = Self { directory, empty: recipe.empty };
        place.write("/private.sh", PRIVATE)?;
        // An empty place to mount things on.
        fs::create_dir_all(place.directory.join("mount")).context("creating a directory")?;
        for (path, text) in &recipe.files {
            place.write(path, text)?;
        }
        for Printed { path, text, .. } in printed {
            place.write(path, text)?;
        }
        Ok(place)
    }

    fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.directory.join(path.trim_start_matches('/'));
        let directory = path.parent().context("a file has no directory")?;
        fs::create_dir_all(directory).with_context(|| format!("creating {}", directory.display()))?;
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }

    /// What `unshare` is given to run a program with everything in its place.
    fn arguments(&self, program: &Path, arguments: &[String]) -> Vec<OsString> {
        let script = self.directory.join("private.sh");
        let mut words: Vec<OsString> = vec!["--mount".into(), "sh".into(), script.into()];
        words.push(self.directory.clone().into());
        words.extend(self.empty.iter().map(OsString::from));
        words.extend(["--".into(), program.into()]);
        words.extend(arguments.iter().map(OsString::from));
        words
    }

    /// A copy of a program. Distributions confine DNS servers to some files by the program's path.
    fn copy_of(&self, program: &Path) -> Result<PathBuf> {
        let name = program.file_name().context("a program has no name")?;
        let copy = self.directory.join(name);
        fs::copy(program, &copy).with_context(|| format!("copying {}", program.display()))?;
        Ok(copy)
    }
}

/// A file of this machine with lines of an administrator at its end.
fn with_lines(path: &str, lines: &[&str]) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    Ok(format!("{text}\n{}\n", lines.join("\n")))
}

/// The lines that the printed files ask an administrator to add to a file.
fn lines_into<'a>(printed: &'a [Printed], into: &str) -> Vec<&'a str> {
    let includes = printed.iter().filter_map(|file| file.include.as_ref());
    includes.filter(|include| include.into == into).map(|include| include.line.as_str()).collect()
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
