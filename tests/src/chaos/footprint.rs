//! What a controller takes: memory of its own, and descriptors.

use std::{fmt, fs};

use anyhow::{Context as _, Result};

use crate::lab::loadbalancer::LoadBalancer;

/// An allocator keeps some of what it once needed.
const MOST_MEMORY: i64 = 4096;
/// Probes that are under way.
const MOST_DESCRIPTORS: i64 = 32;

pub(super) struct Footprint {
    /// KiB.
    memory: i64,
    descriptors: i64,
}

impl Footprint {
    pub(super) fn of(load_balancer: &LoadBalancer) -> Result<Self> {
        let process = load_balancer.identifier().context("tgdns does not run")?;
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon")?;
        let memory = line.trim().trim_end_matches(" kB").parse()?;
        let descriptors = i64::try_from(fs::read_dir(format!("/proc/{process}/fd"))?.count())?;
        Ok(Self { memory, descriptors })
    }

    pub(super) fn since(&self, before: &Self) -> Self {
        Self { memory: self.memory - before.memory, descriptors: self.descriptors - before.descriptors }
    }

    pub(super) fn is_flat(&self) -> bool {
        self.memory <= MOST_MEMORY && self.descriptors <= MOST_DESCRIPTORS
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:+} KiB, {:+} descriptors", self.memory, self.descriptors)
    }
}
