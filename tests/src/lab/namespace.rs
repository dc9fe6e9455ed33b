//! A machine of the lab: one network namespace.

use std::{
    ffi::OsStr,
    fs::{self, File},
    net::{SocketAddr, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use nix::sched::{CloneFlags, setns};

use super::{program, run::Run};

/// The run that it belongs to deletes it.
pub struct Namespace {
    name: String,
    machine: String,
}

impl Namespace {
    pub fn new(run: &Run, machine: &str) -> Result<Self> {
        let name = run.namespace_name(machine);
        program::run("ip", &["netns", "add", &name])?;
        let namespace = Self { name, machine: machine.to_owned() };
        namespace.run("ip", &["link", "set", "dev", "lo", "up"])?;
        // Addresses are usable at once, and nothing but the scene's own frames is on the wire.
        namespace.set("net/ipv6/conf/default/accept_dad", "0")?;
        namespace.set("net/ipv6/conf/default/router_solicitations", "0")?;
        Ok(namespace)
    }

    /// The name by which `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the machine that it plays.
    pub fn machine(&self) -> &str {
        &self.machine
    }

    pub fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.name)
    }

    /// A command that will run in it. `ip netns exec` would mount another `/sys`, where no pins are.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path().display())).arg("--").arg(program);
        command
    }

    /// Runs a command in it and returns what it printed.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        program::run_command(self.command(program::path(program)?).args(arguments))
    }

    /// Sets one of its kernel parameters, a path below `/proc/sys`.
    pub fn set(&self, parameter: &str, value: &str) -> Result<()> {
        let path = Path::new("/proc/sys").join(parameter);
        self.enter(|| fs::write(&path, value))?.with_context(|| format!("setting {parameter} to {value}"))
    }

    /// Runs a closure on a thread that is in it. Sockets that it returns stay in the namespace.
    pub fn enter<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> Result<T> {
        let file = File::open(self.path()).with_context(|| format!("opening {}", self.path().display()))?;
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                setns(&file, CloneFlags::CLONE_NEWNET)?;
                Ok(inside())
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
        .map_err(|error: nix::Error| error)
        .with_context(|| format!("entering {}", self.name))
    }

    /// A socket of this machine, with a port of its own.
    pub fn udp_socket(&self) -> Result<UdpSocket> {
        self.enter(|| UdpSocket::bind("0.0.0.0:0"))?.context("binding a UDP socket")
    }

    /// Connects from this machine.
    pub fn connect(&self, server: SocketAddr, timeout: Duration) -> Result<TcpStream> {
        self.enter(|| TcpStream::connect_timeout(&server, timeout))?
            .with_context(|| format!("{} connecting to {server}", self.machine))
    }
}
