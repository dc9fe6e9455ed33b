//! A machine with systemd as its first process: what is installed there runs under its unit's own settings.
//!
//! It has process, mount and control group namespaces of its own, this host's `/usr`, and no other unit than its services need.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};

use super::{
    namespace::Namespace,
    process::Process,
    program,
    run::{Run, cgroup},
    wait,
};

const BOOT: &str = include_str!("systemd/boot.sh");
const BOOTING: Duration = Duration::from_secs(20);

pub struct Systemd {
    _unshare: Process,
    /// Its first process, by this host's number.
    first: String,
}

impl Systemd {
    /// Boots it in a network namespace, until the basic units run. `program` is `/usr/local/sbin/tgdns` there, and of `files` each is
    /// copied from this host to its path below `/etc`.
    ///
    /// # Errors
    /// It does not come up within seconds; what was seen last.
    pub fn boot(run: &Run, namespace: &Namespace, program: &Path, files: &[(&Path, &str)]) -> Result<Self> {
        let directory = run.directory().join("systemd");
        let etc = directory.join("tree/etc");
        for made in [directory.join("tree/units"), etc.join("systemd/system")] {
            fs::create_dir_all(&made).with_context(|| format!("creating {}", made.display()))?;
        }
        symlink(program, directory.join("tree/tgdns")).context("placing the program")?;
        for (from, to) in files {
            let to = etc.join(to);
            fs::create_dir_all(to.parent().unwrap_or(&etc))?;
            fs::copy(from, &to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
        }
        let script = directory.join("boot.sh");
        fs::write(&script, BOOT).context("writing the script")?;

        let cgroup = cgroup::create(run)?;
        let namespaces = ["--pid", "--fork", "--kill-child", "--mount", "--ipc", "--uts", "--", "sh", "-eu"];
        let mut arguments: Vec<PathBuf> = namespaces.map(PathBuf::from).to_vec();
        arguments.extend([script, directory, cgroup]);
        let mut unshare = Process::start(run, namespace, "systemd", &program::path("unshare")?, arguments)?;
        let children = format!("/proc/{0}/task/{0}/children", unshare.identifier());
        let attempt = || {
            unshare.check()?;
            let first = fs::read_to_string(&children).unwrap_or_default().trim().to_owned();
            let running = inside(&first, "systemctl").args(["is-active", "basic.target"]).output()?;
            let told = String::from_utf8_lossy(&running.stdout).into_owned();
            Ok(if told == "active\n" { Ok(first) } else { Err(anyhow!("it is {told:?}")) })
        };
        let (first, _) = wait::until("systemd", BOOTING, attempt)?;
        Ok(Self { _unshare: unshare, first })
    }

    /// A command that will run on that machine.
    pub fn command(&self, program: &str) -> Command {
        inside(&self.first, program)
    }

    /// Runs a command there, and returns what it printed.
    ///
    /// # Errors
    /// It fails; what it complained about.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        program::run_command(self.command(program).args(arguments))
    }

    /// One of a unit's properties, as `systemctl show` tells it.
    ///
    /// # Errors
    /// systemd does not answer.
    pub fn property(&self, unit: &str, name: &str) -> Result<String> {
        let told = self.run("systemctl", &["show", "--value", "--property", name, unit])?;
        Ok(told.trim().to_owned())
    }
}

fn inside(first: &str, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--target", first, "--all", "--root", "--wd", "--", program]);
    command
}
