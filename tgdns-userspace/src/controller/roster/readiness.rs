//! Whether a cluster can be told already: for how long its servers' first verdicts are waited for.

use std::time::{Duration, Instant};

use super::Roster;
use crate::{
    admin::AdminState,
    cluster::{Cluster, Probe},
    health::Health,
};

/// Nobody waits longer for a first verdict, however patient the probes are.
const LONGEST_ROUND: Duration = Duration::from_secs(10);

impl Roster {
    /// Whether no cluster that clients are answered for lacks a verdict.
    pub fn is_ready(&self, now: Instant) -> bool {
        let mut served = self.served.iter().enumerate().filter(|(_, served)| **served);
        served.all(|(cluster, _)| self.is_cluster_ready(cluster, now))
    }

    /// When something becomes due by the mere passing of time.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        self.services.as_ref()?;
        let rounds = self.round_ends.iter().copied().enumerate();
        let waiting = rounds.filter(|(cluster, _)| !self.is_cluster_ready(*cluster, now));
        waiting.map(|(_, end)| end).chain(self.rises_at).min()
    }

    /// Whether it is known who is handed out, or is not to be waited for any longer.
    pub(super) fn is_cluster_ready(&self, cluster: usize, now: Instant) -> bool {
        let settled = self.settled.get(cluster).is_some_and(|settled| *settled);
        let is_over = || self.round_ends.get(cluster).is_none_or(|end| *end <= now);
        settled || is_over() || self.is_decided(cluster)
    }

    /// Every server has its verdict, a probe's or a person's. One live server would be enough to answer with, but it would
    /// take the place of the full answer that a predecessor left in the maps.
    fn is_decided(&self, cluster: usize) -> bool {
        self.health(cluster).iter().enumerate().all(|(server, health)| {
            health.health() != Health::Unknown || self.state(cluster, server) == AdminState::Maint
        })
    }
}

/// The time that a server of the cluster needs at most for its first verdict.
pub(super) fn first_round(cluster: &Cluster) -> Duration {
    let probes = cluster.servers.iter().flat_map(|server| &server.probes);
    probes.map(first_verdict).max().unwrap_or_default().min(LONGEST_ROUND)
}

/// The same of a probe, whether its rounds follow each other by the fast interval or, where that is shorter, by the timeout.
fn first_verdict(probe: &Probe) -> Duration {
    let following = probe.fast_interval.saturating_mul(probe.rise.max(probe.fall) - 1);
    probe.timeout.saturating_mul(probe.fall).max(probe.timeout.saturating_add(following))
}
