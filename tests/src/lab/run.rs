//! One use of the lab: its name, its directory, and the promise that nothing of it is left behind.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex, Once, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use anyhow::{Context as _, Result, bail};
use nix::unistd::Uid;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use self::{
    leftovers::{clear_dead, remove},
    names::{BPF_FILE_SYSTEM, NAMESPACE_ETC, directory_of, lock_of, name_of, pins_of},
};
use super::{lock::Lock, program};

pub mod cgroup;
mod leftovers;
mod names;

pub use self::leftovers::clear_kept;

/// The runs that this process has to clear when a signal ends it.
static ACTIVE: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Removes everything that carries its name when it is dropped, and when a signal ends the process.
/// What a killed process left is removed by the next run, which finds its lock free.
pub struct Run {
    identifier: String,
    stays: bool,
    kept: bool,
    _lock: Lock,
}

impl Run {
    /// Begins a run that ends with its guard, after removing what dead ones left behind.
    pub fn start() -> Result<Self> {
        Self::start_as(false, program::check_all)
    }

    /// The same without the lab's servers, for a machine that has none: nothing but a wire is laid.
    pub fn start_bare() -> Result<Self> {
        Self::start_as(false, || Ok(()))
    }

    /// Begins a run whose programs outlive this process once [`Self::keep`] was called.
    pub fn start_to_stay() -> Result<Self> {
        Self::start_as(true, program::check_all)
    }

    fn start_as(stays: bool, check: impl FnOnce() -> Result<()>) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !Uid::effective().is_root() {
            bail!("the lab makes network namespaces and loads XDP programs: run it as root (sudo -E …)");
        }
        check()?;
        clear_on_signals()?;
        mount_bpf_file_system()?;
        let _alone = alone()?;
        clear_dead()?;

        let identifier = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = directory_of(&identifier);
        fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
        let lock =
            Lock::try_take(&lock_of(&directory))?.context("another process plays under this one's number")?;
        active().push(identifier.clone());
        let run = Self { identifier, stays, kept: false, _lock: lock };
        fs::create_dir_all(run.pins()).with_context(|| format!("creating {}", run.pins().display()))?;
        Ok(run)
    }

    /// Whether its programs are to outlive this process.
    pub fn stays(&self) -> bool {
        self.stays
    }

    /// What tells it from all other runs on this machine.
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// The name of one of this run's namespaces.
    pub fn namespace_name(&self, machine: &str) -> String {
        format!("{}-{machine}", name_of(&self.identifier))
    }

    /// Where this run's configuration files, states and logs are.
    pub fn directory(&self) -> PathBuf {
        directory_of(&self.identifier)
    }

    /// A directory in the BPF file system for this run's pins.
    pub fn pins(&self) -> PathBuf {
        pins_of(&self.identifier)
    }

    /// A file that `ip netns exec` shows in one namespace in place of the one in `/etc`.
    pub fn write_etc(&self, machine: &str, file: &str, text: &str) -> Result<()> {
        let directory = Path::new(NAMESPACE_ETC).join(self.namespace_name(machine));
        fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
        fs::write(directory.join(file), text).with_context(|| format!("writing {file} for {machine}"))
    }

    /// Leaves everything standing until [`clear_kept`].
    pub fn keep(mut self) -> Result<()> {
        fs::write(self.directory().join("kept"), "").context("marking the run as kept")?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.kept {
            remove(&self.identifier);
        }
        active().retain(|active| *active != self.identifier);
    }
}

/// Held while runs begin or dead ones are removed, so that none is taken for dead before it has its lock.
fn alone() -> Result<Lock> {
    Lock::wait(&std::env::temp_dir().join("tgdns-lab.start"), || {})
}

fn clear_on_signals() -> Result<()> {
    static ONCE: Once = Once::new();
    let mut result = Ok(());
    ONCE.call_once(|| {
        result = Signals::new([SIGINT, SIGTERM, SIGHUP]).map(|mut signals| {
            thread::spawn(move || {
                if let Some(signal) = signals.forever().next() {
                    eprintln!("\nending: removing what the lab made");
                    // Held to the end: whoever wants to start a program, or to end by itself, waits for ever.
                    let active = active();
                    active.iter().for_each(|identifier| remove(identifier));
                    std::process::exit(128 + signal);
                }
            });
        });
    });
    result.context("watching for Ctrl-C")
}

fn mount_bpf_file_system() -> Result<()> {
    let mounts = fs::read_to_string("/proc/mounts").context("reading /proc/mounts")?;
    let mounted = mounts.lines().any(|line| line.split(' ').nth(1) == Some(BPF_FILE_SYSTEM));
    if mounted { Ok(()) } else { program::run("mount", &["-t", "bpf", "bpf", BPF_FILE_SYSTEM]).map(drop) }
}

/// Whoever holds it knows that no signal is ending the process.
pub(super) fn active() -> std::sync::MutexGuard<'static, Vec<String>> {
    ACTIVE.lock().unwrap_or_else(PoisonError::into_inner)
}
