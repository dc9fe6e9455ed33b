//! What a process has taken of the machine.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};

/// User's and system's, of all threads and of all that the process has started.
pub fn processor_time(process: u32) -> Result<Duration> {
    let mut total = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let thread = thread?.path();
        let schedule = fs::read_to_string(thread.join("schedstat"))?;
        let nanoseconds = schedule.split(' ').next().context("an empty schedstat")?.parse()?;
        total += Duration::from_nanos(nanoseconds);
        for child in fs::read_to_string(thread.join("children"))?.split_whitespace() {
            total += processor_time(child.parse()?)?;
        }
    }
    Ok(total)
}

/// Bytes of memory: all that is resident, and what no file stands behind.
pub fn resident(process: u32) -> Result<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let bytes = |name: &str| -> Result<u64> {
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = value.with_context(|| format!("no {name}"))?.trim().trim_end_matches(" kB");
        Ok(1024 * kibibytes.parse::<u64>()?)
    };
    Ok((bytes("VmRSS:")?, bytes("RssAnon:")?))
}
