//! Removing what runs leave behind.

use std::{
    fs,
    io::ErrorKind,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    super::{lock::Lock, process},
    alone, cgroup,
    names::{NAMESPACE_ETC, directory_of, lock_of, name_of, pins_of, root},
};

/// Until a process that does not end is left alone.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks at what takes a moment.
const STEP: Duration = Duration::from_millis(20);

/// Removes the runs that were kept, and what dead ones left; returns how many there were.
pub fn clear_kept() -> Result<usize> {
    let _alone = alone()?;
    let dead = dead_runs()?;
    dead.iter().for_each(|identifier| remove(identifier));
    Ok(dead.len())
}

/// Removes what dead runs left that were not to be kept.
pub(super) fn clear_dead() -> Result<()> {
    for identifier in dead_runs()? {
        if !directory_of(&identifier).join("kept").exists() {
            remove(&identifier);
        }
    }
    Ok(())
}

/// The identifiers of runs whose lock nobody holds.
fn dead_runs() -> Result<Vec<String>> {
    let entries = match fs::read_dir(root()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("reading {}", root().display())),
    };
    let mut dead = Vec::new();
    for entry in entries {
        let identifier = entry?.file_name().into_string();
        dead.extend(identifier.ok().filter(|identifier| is_dead(identifier)));
    }
    Ok(dead)
}

/// Whether nobody holds a run's lock. What its owner was just starting when it was killed holds it, too, until it
/// has become another program.
fn is_dead(identifier: &str) -> bool {
    let since = Instant::now();
    loop {
        match Lock::try_take(&lock_of(&directory_of(identifier))) {
            Ok(Some(_)) => return true,
            Ok(None) if !owner_lives(identifier) && since.elapsed() < PATIENCE => thread::sleep(STEP),
            // A run whose directory is just being removed by its owner is no matter.
            Ok(None) | Err(_) => return false,
        }
    }
}

/// Whether there is a process of the number that a run's identifier begins with.
fn owner_lives(identifier: &str) -> bool {
    let owner = identifier.split('-').next().unwrap_or_default();
    Path::new("/proc").join(owner).exists()
}

/// Ends the processes and deletes all that carries a run's name. Its directory goes last: while it is
/// there, the next run knows that something may be left.
pub(super) fn remove(identifier: &str) {
    // A command that was creating something when the signal came may finish after the first round, and a killed process
    // needs a moment to end.
    let since = Instant::now();
    while remove_namespaces(identifier) | end_processes(identifier) | cgroup::remains(identifier)
        && since.elapsed() < PATIENCE
    {
        thread::sleep(STEP);
    }
    let _ = fs::remove_dir_all(pins_of(identifier));
    unmount(&directory_of(identifier));
    let _ = fs::remove_dir_all(directory_of(identifier));
}

/// Whether there was one to remove.
fn remove_namespaces(identifier: &str) -> bool {
    let prefix = format!("{}-", name_of(identifier));
    let names: Vec<_> = output("ip", &["netns", "list"])
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| name.starts_with(&prefix))
        .map(str::to_owned)
        .collect();
    for name in &names {
        for process in output("ip", &["netns", "pids", name]).split_whitespace() {
            if let Ok(process) = process.parse() {
                end(Pid::from_raw(process));
            }
        }
        output("ip", &["netns", "delete", name]);
        let _ = fs::remove_dir_all(Path::new(NAMESPACE_ETC).join(name));
    }
    let _ = fs::remove_dir(NAMESPACE_ETC);
    !names.is_empty()
}

/// Whether there was one to end, wherever it was on its way into its namespace.
fn end_processes(identifier: &str) -> bool {
    let found = process::of_runs(|run| run == identifier).unwrap_or_default();
    found.iter().for_each(|process| end(*process));
    !found.is_empty()
}

/// Small disks of its own.
fn unmount(directory: &Path) {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    for point in points.filter(|point| Path::new(point).starts_with(directory)) {
        output("umount", &["--lazy", point]);
    }
}

fn end(process: Pid) {
    if process != Pid::this() {
        let _ = kill(process, Signal::SIGKILL);
    }
}

/// What a command prints; nothing where it fails, for what is removed may be gone already.
fn output(name: &str, arguments: &[&str]) -> String {
    let output = Command::new(name).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}
