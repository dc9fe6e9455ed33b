//! A host with one network interface that `tgdns` runs on, and a machine at the other end of the cable.

use std::{
    ffi::OsString,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use hickory_proto::rr::RecordType;
use serde_json::Value;
use tests::lab::{
    link,
    lock::Lock,
    namespace::Namespace,
    process::Process,
    program,
    run::Run,
    verdict::{Verdict, VerdictProgram},
    wait,
};

use crate::{question::Client, user::User};

/// No machine has an interface of that name, so nothing is found in the wrong network namespace.
pub(crate) const INTERFACE: &str = "tgdns-nic";
pub(crate) const CABLE: &str = "client0";
pub(crate) const NAME: &str = "internet.intern.netz";
/// The host's own addresses.
pub(crate) const IPV4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 10, 10, 1));
pub(crate) const IPV6: &str = "fd00:10::1";
/// What the servers that listen are handed out as.
pub(crate) const LIVE: [&str; 2] = ["10.10.10.20", "10.10.10.21"];
/// Addresses of the machine at the other end: two clients of each family, and three servers.
const FAR_ADDRESSES: [&str; 7] = [
    "10.10.10.10/24",
    "10.10.10.11/24",
    "fd00:10::10/64",
    "fd00:10::11/64",
    "10.10.10.20/24",
    "10.10.10.21/24",
    "10.10.10.22/24",
];
const STARTING: Duration = Duration::from_secs(10);

/// A configuration, as far as the tests differ in it.
pub(crate) struct Setup<'s> {
    pub(crate) interfaces: &'s [&'s str],
    pub(crate) xdp_mode: &'s str,
    pub(crate) listen: &'s str,
    pub(crate) default_view: &'s str,
    /// Where commands may write.
    pub(crate) writable: &'s [PathBuf],
    /// In place of the run's own directory.
    pub(crate) pins: Option<PathBuf>,
    /// Keys before all tables, each in a line.
    pub(crate) settings: &'s str,
    /// Views and clusters.
    pub(crate) clusters: &'s str,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            interfaces: &[INTERFACE],
            xdp_mode: "native",
            listen: "[]",
            default_view: "default",
            writable: &[],
            pins: None,
            settings: "",
            clusters: CLUSTER,
        }
    }
}

/// Three servers, two of which listen.
pub(crate) const CLUSTER: &str = r#"
[[cluster]]
name = "internet.intern.netz"
[cluster.probe]
type = "tcp"
port = 443
timeout = "200ms"
[[cluster.part]]
first = "10.10.10.20"
count = 3
"#;

/// Fields are dropped in order: programs end before the run removes the namespaces.
pub(crate) struct Host {
    process: Option<Process>,
    pub(crate) namespace: Namespace,
    pub(crate) far: Namespace,
    pub(crate) pins: PathBuf,
    pub(crate) program: PathBuf,
    /// Who runs `tgdns`, in place of root.
    pub(crate) user: Option<User>,
    servers: Vec<Option<TcpListener>>,
    pub(crate) run: Run,
    _turn: Lock,
}

impl Host {
    pub(crate) fn new(setup: &Setup<'_>) -> Result<Self> {
        let program = program::of_workspace("tgdns")?;
        // Some tests measure times, which another one on the same processors would stretch.
        let turn = Lock::wait(&std::env::temp_dir().join("tgdns-lab.scene"), || {})?;
        let run = Run::start()?;
        let namespace = Namespace::new(&run, "host")?;
        let far = Namespace::new(&run, "far")?;
        link::connect(&namespace, INTERFACE, &far, CABLE)?;
        VerdictProgram::load(&run, Verdict::Pass)?.attach(&far, CABLE)?;
        for address in ["10.10.10.1/24", "fd00:10::1/64"] {
            namespace.run("ip", &["address", "add", address, "dev", INTERFACE])?;
        }
        for address in FAR_ADDRESSES {
            far.run("ip", &["address", "add", address, "dev", CABLE])?;
        }
        let servers = LIVE.iter().map(|address| listen(&far, address).map(Some)).collect::<Result<_>>()?;
        let pins = setup.pins.clone().unwrap_or_else(|| run.pins().join("tgdns"));
        let host =
            Self { process: None, namespace, far, pins, program, user: None, servers, run, _turn: turn };
        host.configure(setup)?;
        Ok(host)
    }

    /// Writes the configuration anew.
    pub(crate) fn configure(&self, setup: &Setup<'_>) -> Result<()> {
        let Setup { interfaces, xdp_mode, listen, default_view, writable, settings, clusters, .. } = setup;
        let text = format!(
            "interfaces = {interfaces:?}\nxdp_mode = \"{xdp_mode}\"\nstate_dir = \"{}\"\ncontrol = \"{}\"\n\
             pin_dir = \"{}\"\ndefault_view = \"{default_view}\"\n\
             writable = {writable:?}\n{settings}[dns]\nlisten = {listen}\n{clusters}",
            self.path("state").display(),
            self.control().display(),
            self.pins.display(),
        );
        fs::write(self.path("tgdns.toml"), text).context("writing the configuration")
    }

    /// The control socket.
    pub(crate) fn control(&self) -> PathBuf {
        self.path("control/socket")
    }

    /// A file of this run.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.run.directory().join(name)
    }

    /// Starts `tgdns run` without waiting for anything.
    pub(crate) fn launch(&mut self) -> Result<()> {
        let (program, arguments) = match &self.user {
            None => (self.program.clone(), Vec::new()),
            Some(user) => user.command(&self.program)?,
        };
        self.launch_by(&program, arguments)
    }

    /// As [`Self::launch`], by a program that becomes `tgdns` in the end, with its arguments before those of `tgdns`.
    pub(crate) fn launch_by(&mut self, program: &Path, mut arguments: Vec<OsString>) -> Result<()> {
        arguments.extend(["run".into(), "--config".into(), self.path("tgdns.toml").into()]);
        self.process = Some(Process::start(&self.run, &self.namespace, "tgdns", program, arguments)?);
        Ok(())
    }

    /// Starts `tgdns run`, and waits until exactly the live servers are handed out.
    pub(crate) fn start(&mut self) -> Result<()> {
        self.launch()?;
        let expected = crate::question::ips(&LIVE)?;
        let client = self.client(LIVE[0], IPV4)?;
        let patience = Duration::from_millis(100);
        let attempt = || {
            self.check()?;
            let found = client.ask(NAME, RecordType::A, patience)?;
            Ok(if found.as_ref() == Some(&expected) {
                Ok(())
            } else {
                Err(anyhow::anyhow!("{found:?}\n{}", self.log()))
            })
        };
        wait::until("the first right answer", STARTING, attempt).map(drop)
    }

    /// Waits until `tgdns status` has so many live servers, of all clusters.
    pub(crate) fn wait_until_live(&mut self, expected: usize) -> Result<()> {
        let live = |host: &Self| -> Result<usize> {
            let output = host.tgdns(&["status", "--json"])?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let status: Value = serde_json::from_slice(&output.stdout)?;
            let clusters = status["clusters"].as_array().into_iter().flatten();
            let servers = clusters.flat_map(|cluster| cluster["servers"].as_array().into_iter().flatten());
            Ok(servers.filter(|server| server["live"] == true).count())
        };
        let attempt = || {
            self.check()?;
            Ok(match live(self) {
                Ok(live) if live == expected => Ok(()),
                Ok(live) => Err(anyhow::anyhow!("{live} are\n{}", self.log())),
                // The controller may not listen yet.
                Err(error) => Err(error),
            })
        };
        wait::until(&format!("{expected} live servers"), STARTING, attempt).map(drop)
    }

    /// Fails where `tgdns run` has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.process.as_mut().context("tgdns does not run")?.check()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("tgdns.log")).unwrap_or_default()
    }

    /// Of the live servers, by its place.
    pub(crate) fn stop_server(&mut self, place: usize) {
        self.servers.get_mut(place).map(Option::take);
    }

    /// One that was stopped.
    pub(crate) fn start_server(&mut self, place: usize) -> Result<()> {
        let place_of = self.servers.get_mut(place).context("no such server")?;
        *place_of = Some(listen(&self.far, LIVE[place])?);
        Ok(())
    }

    /// The process that runs.
    pub(crate) fn process(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("tgdns does not run")
    }

    /// A client at the far end with an address of its own, which asks the host at one of its.
    pub(crate) fn client(&self, from: &str, server: IpAddr) -> Result<Client> {
        let from = SocketAddr::new(from.parse()?, 0);
        let socket = self.far.enter(|| UdpSocket::bind(from))?.with_context(|| format!("binding {from}"))?;
        Ok(Client::new(socket, server))
    }

    /// A command of `tgdns` with this host's configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match &self.user {
            None => self.namespace.command(&self.program),
            Some(user) => user.command_in(&self.namespace, &self.program),
        };
        command.args(arguments).arg("--config").arg(self.path("tgdns.toml"));
        command
    }

    pub(crate) fn tgdns(&self, arguments: &[&str]) -> Result<Output> {
        self.command(arguments).output().context("running tgdns")
    }

    /// The counters of one path (`fast_path`, `slow_path`) by name.
    pub(crate) fn counter(&self, path: &str, name: &str) -> Result<u64> {
        let output = self.tgdns(&["stats", "--json"])?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let stats: Value = serde_json::from_slice(&output.stdout)?;
        stats[path][name].as_u64().with_context(|| format!("no counter {path}.{name}: {stats}"))
    }

    /// What the kernel says of an interface of the host.
    pub(crate) fn interface(&self, name: &str) -> Result<Value> {
        let text = self.namespace.run("ip", &["-json", "-details", "link", "show", "dev", name])?;
        let interfaces: Value = serde_json::from_str(&text)?;
        Ok(interfaces[0].clone())
    }

    /// What bpftool says of a pin: a map or a link.
    pub(crate) fn pinned(&self, kind: &str, name: &str) -> Result<Value> {
        bpftool(&[kind, "show", "pinned"], &self.pins.join(name))
    }
}

/// A server at the far end.
fn listen(far: &Namespace, address: &str) -> Result<TcpListener> {
    let address = SocketAddr::new(address.parse()?, 443);
    far.enter(|| TcpListener::bind(address))?.with_context(|| format!("listening on {address}"))
}

/// What bpftool prints as JSON.
pub(crate) fn bpftool(command: &[&str], path: &Path) -> Result<Value> {
    let mut bpftool = program::command("bpftool")?;
    let text = program::run_command(bpftool.arg("--json").args(command).arg(path))?;
    serde_json::from_str(&text).with_context(|| format!("reading what bpftool printed: {text}"))
}
