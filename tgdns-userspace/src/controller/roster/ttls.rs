//! The clusters' TTLs, where they follow the servers' health.

use std::time::{Duration, Instant};

use super::Roster;
use crate::{admin::AdminState, cluster::Cluster, health::ServerHealth, ttl};

impl Roster {
    /// Works out the TTLs that follow the servers' health, at whole seconds of this run: a change that nobody can see coming
    /// is none that they have to tell of sooner.
    pub fn tell_ttls(&mut self, now: Instant, unix_seconds: u64) {
        if now < self.ttls_until {
            return;
        }
        let elapsed = now.saturating_duration_since(self.started).as_secs();
        self.ttls_until = self.started + Duration::from_secs(elapsed) + ttl::PERIOD;
        let in_force = |((cluster, health), states): ((&Cluster, &Vec<ServerHealth>), &Vec<AdminState>)| {
            if cluster.ttl_min.is_none() {
                return cluster.ttl;
            }
            let said =
                cluster.servers.iter().filter_map(|server| self.admins.said(&server.name, unix_seconds));
            // The second has begun already.
            let ends = said.filter_map(|said| said.until).map(|until| until.saturating_sub(unix_seconds + 1));
            ttl::in_force(cluster, health, states, ends.min().map(Duration::from_secs), now)
        };
        let ttls = self.model.clusters.iter().zip(&self.health).zip(&self.states).map(in_force).collect();
        self.touched |= self.ttls != ttls;
        self.ttls = ttls;
    }

    /// When [`Self::tell_ttls`] has something to tell.
    pub fn next_ttls_at(&self) -> Option<Instant> {
        self.model.clusters.iter().any(|cluster| cluster.ttl_min.is_some()).then_some(self.ttls_until)
    }
}
