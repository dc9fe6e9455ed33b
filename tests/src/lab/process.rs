//! A program that runs in a namespace until its guard is dropped.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    namespace::Namespace,
    run::{self, Run},
};

/// Lines of a log that an error shows.
const LOG_TAIL: usize = 15;

/// The environment variable by which every program of a run is known.
const MARK: &str = "TGDNS_LAB";

pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    stays: bool,
}

impl Process {
    /// Starts a program; what it prints goes to a file in the run's directory.
    pub fn start<A: AsRef<OsStr>>(
        run: &Run,
        namespace: &Namespace,
        name: &str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Self> {
        Self::spawn(run, namespace, name, program, arguments, |command, log| {
            command.stdin(Stdio::null()).stdout(log);
        })
    }

    /// As [`Self::start`], but its standard input and output are pipes to the caller.
    pub fn start_with_pipes<A: AsRef<OsStr>>(
        run: &Run,
        namespace: &Namespace,
        name: &str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Self> {
        Self::spawn(run, namespace, name, program, arguments, |command, _log| {
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
        })
    }

    fn spawn<A: AsRef<OsStr>>(
        run: &Run,
        namespace: &Namespace,
        name: &str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        connect: impl FnOnce(&mut Command, File),
    ) -> Result<Self> {
        let path = run.directory().join(format!("{name}.log"));
        let log = File::options().create(true).append(true).open(&path);
        let log = log.with_context(|| format!("opening {}", path.display()))?;

        // Both wrappers replace themselves, so that the child is the program.
        let mut command = namespace.command("setpriv");
        if !run.stays() {
            command.args(["--pdeathsig", "KILL"]);
        }
        command.arg("--").arg(program).args(arguments);
        // Ctrl-C in a terminal is for the player alone, who ends the others in order.
        command.process_group(0).stderr(log.try_clone().context("sharing a log")?);
        command.env(MARK, run.identifier());
        connect(&mut command, log);
        let _not_ending = run::active();
        let child = command.spawn().with_context(|| format!("starting {name}"))?;
        Ok(Self { name: name.to_owned(), child, log: path, stays: run.stays() })
    }

    pub fn identifier(&self) -> u32 {
        self.child.id()
    }

    /// Its pipes, for whoever started it with them.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// `kill -9`, and waits for the end.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().with_context(|| format!("killing {}", self.name))?;
        self.child.wait().with_context(|| format!("waiting for the end of {}", self.name)).map(drop)
    }

    /// Asks it to end, and waits until it has.
    pub fn terminate(&mut self) -> Result<()> {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM)
            .with_context(|| format!("terminating {}", self.name))?;
        self.child.wait().with_context(|| format!("waiting for the end of {}", self.name)).map(drop)
    }

    /// Fails with the end of its log where it has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait().with_context(|| format!("looking after {}", self.name))? {
            bail!("{} ended: {status}\n{}", self.name, self.log_tail());
        }
        Ok(())
    }

    /// All that it logged.
    pub fn log(&self) -> Result<String> {
        fs::read_to_string(&self.log).with_context(|| format!("reading {}", self.log.display()))
    }

    /// The last lines that it logged.
    pub fn log_tail(&self) -> String {
        let text = self.log().unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(LOG_TAIL)..).unwrap_or_default();
        format!("-- the end of {}:\n{}", self.log.display(), tail.join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.stays {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The processes of all runs whose identifier is `wanted`.
pub fn of_runs(wanted: impl Fn(&str) -> bool) -> Result<Vec<Pid>> {
    let mark = format!("{MARK}=");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("reading /proc")? {
        let entry = entry?;
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // Nothing where it has ended meanwhile.
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment);
        if environment.split('\0').filter_map(|variable| variable.strip_prefix(&mark)).any(&wanted) {
            found.push(Pid::from_raw(process));
        }
    }
    Ok(found)
}
