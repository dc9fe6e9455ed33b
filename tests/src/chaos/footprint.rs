//! What a controller takes: memory of its own, what the kernel keeps for it, and descriptors.

use std::{collections::BTreeMap, fmt, fs};

use anyhow::{Context as _, Result};

use crate::lab::loadbalancer::LoadBalancer;

/// KiB. An allocator keeps some of what it once needed.
const MOST_MEMORY: i64 = 4096;
/// Probes that are under way.
const MOST_DESCRIPTORS: i64 = 32;
/// What the kernel cannot give back, whoever it is for: slabs, BPF programs and maps.
const OF_KERNEL: [&str; 3] = ["SUnreclaim", "VmallocUsed", "Percpu"];

pub(super) struct Footprint {
    /// KiB.
    memory: i64,
    descriptors: i64,
    /// Bytes of the BPF maps and programs that it holds, as the kernel counts them.
    locked: i64,
}

/// Of one process at two times.
pub(super) struct Growth {
    before: Footprint,
    after: Footprint,
}

impl Footprint {
    pub(super) fn of(load_balancer: &LoadBalancer) -> Result<Self> {
        let process = load_balancer.identifier().context("tgdns does not run")?;
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let memory = number(&status, "RssAnon").context("no RssAnon")?;
        let descriptors = i64::try_from(fs::read_dir(format!("/proc/{process}/fd"))?.count())?;
        Ok(Self { memory, descriptors, locked: locked(process)? })
    }

    pub(super) fn until(self, after: Self) -> Growth {
        Growth { before: self, after }
    }
}

impl Growth {
    pub(super) fn is_flat(&self) -> bool {
        let Self { before, after } = self;
        after.memory - before.memory <= MOST_MEMORY
            && after.descriptors - before.descriptors <= MOST_DESCRIPTORS
            && after.locked <= before.locked
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, after } = self;
        write!(
            formatter,
            "{} -> {} KiB of its own, {} -> {} KiB of BPF maps and programs, {} -> {} descriptors",
            before.memory,
            after.memory,
            before.locked / 1024,
            after.locked / 1024,
            before.descriptors,
            after.descriptors
        )
    }
}

/// KiB of the whole machine's kernel.
pub(super) fn kernel() -> Result<i64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    OF_KERNEL.iter().map(|name| number(&text, name).with_context(|| format!("no {name}"))).sum()
}

/// Each map and program counts once, however many descriptors of it there are.
fn locked(process: u32) -> Result<i64> {
    let mut locked = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{process}/fdinfo"))? {
        // One that is closed meanwhile holds nothing.
        let Ok(text) = fs::read_to_string(entry?.path()) else { continue };
        let kind = ["map_id", "prog_id"].into_iter().find_map(|kind| Some((kind, number(&text, kind)?)));
        if let (Some(kind), Some(bytes)) = (kind, number(&text, "memlock")) {
            locked.insert(kind, bytes);
        }
    }
    Ok(locked.into_values().sum())
}

/// That of a line `name: number`, with a unit or without.
fn number(text: &str, name: &str) -> Option<i64> {
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.into_iter().find(|(field, _)| *field == name)?;
    value.split_whitespace().next()?.parse().ok()
}
