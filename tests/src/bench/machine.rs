//! What the figures were measured on, and where this thread runs.

use std::{fs, thread};

use anyhow::{Context as _, Result};
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

/// One line: kernel, processor, how many of them, and how busy they were.
pub fn described() -> Result<String> {
    let read = |path: &str| fs::read_to_string(path).with_context(|| format!("reading {path}"));
    let release = read("/proc/sys/kernel/osrelease")?;
    let processors = read("/proc/cpuinfo")?;
    let model = processors
        .lines()
        .find_map(|line| Some(line.strip_prefix("model name")?.trim_matches(['\t', ' ', ':'])));
    let load = read("/proc/loadavg")?;
    let profile = if cfg!(debug_assertions) { "development" } else { "release" };
    Ok(format!(
        "Linux {}, {}, {} processors, {}, load {} when it began; a {profile} build of the controller.",
        release.trim(),
        std::env::consts::ARCH,
        std::thread::available_parallelism()?,
        model.unwrap_or("of no known model"),
        load.split(' ').next().unwrap_or_default(),
    ))
}

/// Runs a closure on a thread of its own, which stays on one processor.
pub fn on_one_processor<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            stay_on_one_processor()?;
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Keeps the calling thread on the last processor that it may run on; interrupts mostly go to the first.
fn stay_on_one_processor() -> Result<()> {
    let this = Pid::from_raw(0);
    let allowed = sched_getaffinity(this).context("asking for the thread's processors")?;
    let last = (0..CpuSet::count()).rev().find(|processor| allowed.is_set(*processor).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(last.context("the thread may run nowhere")?)?;
    sched_setaffinity(this, &one).context("keeping the thread on one processor")
}
