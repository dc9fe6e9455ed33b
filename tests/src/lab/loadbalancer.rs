//! A load balancer: a machine that runs `tgdns`.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{
    dns::{self, Answer},
    namespace::Namespace,
    plan::Answering,
    process::Process,
    program,
    run::Run,
    truncate::Truncation,
    wall_clock::WallClock,
};

/// The interface on which every load balancer gets its queries.
pub const INTERFACE: &str = "eth0";
/// How long one question may take.
const PATIENCE: Duration = Duration::from_millis(200);

pub struct LoadBalancer {
    pub namespace: Arc<Namespace>,
    pub address: SocketAddr,
    pub configuration: PathBuf,
    pub pins: PathBuf,
    answering: Answering,
    _truncation: Option<Truncation>,
    program: PathBuf,
    clock: Option<WallClock>,
    process: Option<Process>,
}

impl LoadBalancer {
    /// Writes the configuration: this machine's own paths before the text that all load balancers share.
    pub fn new(
        run: &Run,
        namespace: Arc<Namespace>,
        address: Ipv4Addr,
        answering: Answering,
        clusters: &str,
    ) -> Result<Self> {
        let machine = namespace.machine();
        let directory = run.directory().join(machine);
        let state = directory.join("state");
        fs::create_dir_all(&state).with_context(|| format!("creating {}", state.display()))?;
        let configuration = directory.join("tgdns.toml");
        let pins = run.pins().join(machine);
        let sockets = format!("\"{address}:53\"");
        let (mode, listen) = match answering {
            Answering::FastPath => ("native", ""),
            Answering::BothPaths => ("native", sockets.as_str()),
            Answering::Sockets | Answering::Tcp => ("off", sockets.as_str()),
        };
        let text = format!(
            "interfaces = [\"{INTERFACE}\"]\nxdp_mode = \"{mode}\"\nstate_dir = \"{}\"\ncontrol = \"{}\"\n\
             pin_dir = \"{}\"\n\n[dns]\nlisten = [{listen}]\n\n{clusters}",
            state.display(),
            directory.join("control.sock").display(),
            pins.display(),
        );
        fs::write(&configuration, text).with_context(|| format!("writing {}", configuration.display()))?;
        let truncation = (answering == Answering::Tcp).then(|| Truncation::start(run, &namespace, address));
        let truncation = truncation.transpose()?;
        let program = program::of_workspace("tgdns")?;
        let address = SocketAddr::from((address, 53));
        Ok(Self {
            namespace,
            address,
            configuration,
            pins,
            answering,
            _truncation: truncation,
            program,
            clock: None,
            process: None,
        })
    }

    pub fn start(&mut self, run: &Run) -> Result<()> {
        let name = format!("tgdns-{}", self.namespace.machine());
        let arguments = ["run".as_ref(), "--config".as_ref(), self.configuration.as_os_str()];
        let process = match &self.clock {
            None => Process::start(run, &self.namespace, &name, &self.program, arguments)?,
            Some(clock) => {
                let (wrapper, variables) = clock.wrapper()?;
                let wrapped =
                    variables.iter().map(OsStr::new).chain([self.program.as_os_str()]).chain(arguments);
                Process::start(run, &self.namespace, &name, &wrapper, wrapped)?
            }
        };
        self.process = Some(process);
        Ok(())
    }

    /// Gives it a wall clock of its own, from the next start on.
    pub fn give_clock(&mut self) -> Result<()> {
        self.clock = Some(WallClock::new(&self.configuration.with_file_name("clock"))?);
        Ok(())
    }

    /// The wall clock that [`Self::give_clock`] gave.
    pub fn clock(&self) -> Result<&WallClock> {
        self.clock.as_ref().context("it has no clock of its own")
    }

    pub fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// Fails where `tgdns` has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        self.process.as_mut().map_or(Ok(()), Process::check)
    }

    /// The last lines that `tgdns` logged.
    pub fn log_tail(&self) -> String {
        self.process.as_ref().map(Process::log_tail).unwrap_or_default()
    }

    /// `kill -9`: no chance to tidy up.
    pub fn kill(&mut self) -> Result<()> {
        let mut process = self.process.take().context("tgdns does not run")?;
        process.kill()
    }

    /// Asks it to end, and waits until it has.
    pub fn terminate(&mut self) -> Result<()> {
        let mut process = self.process.take().context("tgdns does not run")?;
        process.terminate()
    }

    /// The number of its process, where it runs.
    pub fn identifier(&self) -> Option<u32> {
        self.process.as_ref().map(Process::identifier)
    }

    /// Its `state_dir`.
    pub fn state(&self) -> PathBuf {
        self.configuration.with_file_name("state")
    }

    pub fn program(&self) -> &Path {
        &self.program
    }

    /// What a command of `tgdns` prints with `--json`.
    pub fn json(&self, command: &str) -> Result<Value> {
        self.json_of(&[command])
    }

    /// As [`Self::json`], for a command with arguments.
    pub fn json_of(&self, command: &[&str]) -> Result<Value> {
        let mut tgdns = self.namespace.command(&self.program);
        tgdns.args(command).args(["--json", "--config"]).arg(&self.configuration);
        let text = program::run_command(&mut tgdns)?;
        serde_json::from_str(&text).with_context(|| format!("reading what tgdns {command:?} printed: {text}"))
    }

    /// The fast path's counters by name.
    pub fn counters(&self) -> Result<BTreeMap<String, u64>> {
        let json = self.json("stats")?;
        let counters = json["fast_path"].as_object().or(json["counters"].as_object());
        let counters = counters.with_context(|| format!("tgdns stats shows no counters: {json}"))?;
        Ok(counters.iter().filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect())
    }

    /// How many queries the fast path has answered.
    pub fn answers(&self) -> Result<u64> {
        let counters = self.counters()?;
        let answers = counters.iter().filter(|(name, _)| name.starts_with("answer"));
        Ok(answers.map(|(_, count)| count).sum())
    }

    /// What bpftool shows of the IPv4 answers that are in use: the map's own field names, without what is empty.
    pub fn answers_in_maps(&self) -> Result<Vec<String>> {
        let pin = self.pins.join("ANSWERS");
        let mut bpftool = program::command("bpftool")?;
        let text = program::run_command(bpftool.args(["--json", "map", "dump", "pinned"]).arg(pin))?;
        let entries: Vec<Value> = serde_json::from_str(&text).context("reading what bpftool printed")?;
        Ok(entries.iter().filter_map(|entry| excerpt(&entry["formatted"])).collect())
    }

    /// Asks it from a machine's socket, over UDP; something must come back.
    pub fn ask(&self, socket: &UdpSocket, name: &str) -> Result<Answer> {
        let answer = dns::ask(socket, self.address, name, PATIENCE)?;
        self.check_answer(answer.with_context(|| format!("{} did not answer", self.namespace.machine()))?)
    }

    /// Asks it from a machine, by the way on which it gives whole answers.
    pub fn ask_from(&self, machine: &Namespace, name: &str) -> Result<Answer> {
        if self.answering == Answering::Tcp {
            let connection = machine.connect(self.address, PATIENCE)?;
            return self.check_answer(dns::ask_over_tcp(connection, name, dns::TYPE_A, PATIENCE)?);
        }
        self.ask(&machine.udp_socket()?, name)
    }

    fn check_answer(&self, answer: Answer) -> Result<Answer> {
        ensure!(answer.rcode == 0, "{} answered with code {}", self.namespace.machine(), answer.rcode);
        Ok(answer)
    }
}

/// `None` for a slot without addresses.
fn excerpt(entry: &Value) -> Option<String> {
    let ipv4 = &entry["value"]["ipv4"];
    let count = usize::try_from(ipv4["count"].as_u64()?).ok()?;
    let addresses = ipv4["addresses"].as_array()?.get(..count).filter(|addresses| !addresses.is_empty())?;
    let addresses: Vec<_> = addresses.iter().map(Value::to_string).collect();
    Some(format!(
        "\"key\": {}, \"value\": {{ … \"ipv4\": {{ … \"count\": {count}, … \"addresses\": [{}, …",
        entry["key"],
        addresses.join(", ")
    ))
}
