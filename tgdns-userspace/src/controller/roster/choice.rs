//! Whom a cluster hands out at a moment, by what is known of its servers, and when that changes by itself.

use std::time::{Duration, Instant};

use super::Roster;
use crate::{
    health::{Health, ServerHealth},
    selection::{self, Candidate, Chosen},
};

impl Roster {
    pub(super) fn choose(&self, cluster: usize, now: Instant) -> Chosen {
        let Some(of) = self.model.clusters.get(cluster) else {
            return Chosen::default();
        };
        let candidates = self.health(cluster).iter().enumerate().filter_map(|(server, health)| {
            let recovered = recovered_at(health);
            let recovered = recovered.map(|at| self.whole_seconds(now).saturating_duration_since(at));
            Some(Candidate { recovered, ..self.candidate(cluster, server)? })
        });
        let last = self.last.servers(of);
        let (candidates, last) = (candidates.collect::<Vec<_>>(), last.as_deref());
        let mut chosen = selection::choose(&of.policy, &candidates, last);
        chosen.everyone = selection::everyone(&candidates);
        chosen.in_views = selection::views::choices(&self.model, of, &candidates, last, &chosen);
        chosen
    }

    /// What decides whether a server is handed out, recoveries aside.
    pub(super) fn candidate(&self, cluster: usize, server: usize) -> Option<Candidate> {
        Some(Candidate {
            is_up: self.health(cluster).get(server)?.health() == Health::Up,
            admin: self.state(cluster, server),
            reported: self.reported_state(cluster, server),
            weight: self.weight(cluster, server),
            tier: self.model.clusters.get(cluster)?.servers.get(server)?.tier,
            recovered: None,
        })
    }

    pub(super) fn next_rise(&self, now: Instant) -> Option<Instant> {
        let now = self.whole_seconds(now);
        let clusters = self.model.clusters.iter().zip(&self.health);
        let rises = clusters.filter_map(|(cluster, health)| Some((cluster.policy.slow_start?, health)));
        rises
            .flat_map(|(time, health)| health.iter().filter_map(recovered_at).map(move |at| (time, at)))
            .filter_map(|(time, at)| {
                let age = now.saturating_duration_since(at);
                let rise = at + age + selection::next_rise(Some(time), Some(age))?;
                Some(self.whole_seconds(rise + Duration::from_nanos(999_999_999)))
            })
            .min()
    }

    /// Weights rise at whole seconds only, so that however many servers recover, that is published once a second at most.
    fn whole_seconds(&self, now: Instant) -> Instant {
        self.started + Duration::from_secs(now.saturating_duration_since(self.started).as_secs())
    }
}

/// When a server came back that had been up or down before; the first verdict of a run tells of no recovery.
fn recovered_at(health: &ServerHealth) -> Option<Instant> {
    let change = health.last_change().filter(|change| change.to == Health::Up)?;
    (health.changes().count() > 1).then_some(change.at)
}
