//! What a process has taken of the machine.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};

/// User's and system's, of all threads.
pub fn processor_time(process: u32) -> Result<Duration> {
    let mut total = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let schedule = fs::read_to_string(thread?.path().join("schedstat"))?;
        total += schedule.split(' ').next().context("an empty schedstat")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(total))
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
