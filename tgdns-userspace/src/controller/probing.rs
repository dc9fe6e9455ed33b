//! What probes have found, on its way to the roster and to who is told of it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{Controller, roster::Roster, transitions::HealthChange};
use crate::{
    admin::AdminState,
    probe::{Probed, Target},
};

/// Probes that wait for the work on their servers to end.
#[derive(Default)]
pub(super) struct Paused(BTreeMap<Target, Vec<Probed>>);

impl Paused {
    fn add(&mut self, probed: Probed) {
        self.0.entry(probed.target).or_default().push(probed);
    }

    /// The work on these has ended: they are probed at once.
    pub(super) fn resume(&mut self, targets: impl IntoIterator<Item = Target>) {
        for target in targets {
            for probed in self.0.remove(&target).unwrap_or_default() {
                probed.answer(Duration::ZERO);
            }
        }
    }

    /// Forgets those that are not probed any more.
    pub(super) fn retain(&mut self, is_known: impl Fn(Target) -> bool) {
        self.0.retain(|target, _| is_known(*target));
    }
}

impl Controller {
    pub(super) fn probed(&mut self, probed: Probed) {
        let is_paused = |roster: &Roster| {
            let place = roster.place(probed.target);
            place.map(|(cluster, server)| roster.state(cluster, server) == AdminState::Maint)
        };
        if self.rosters().find_map(is_paused) == Some(true) {
            self.paused.add(probed);
            return;
        }
        let now = Instant::now();
        // Two rosters that know a target know the same of it: what one observes is told.
        let mut observed = None;
        for roster in self.rosters_mut() {
            observed = observed.or(observe(roster, &probed, now));
        }
        let Some((next_interval, told)) = observed else { return };
        probed.answer(next_interval);
        if let Some(changed) = told {
            self.health_file.changed(now);
            self.tell_health_change(changed);
        }
    }
}

/// Takes one outcome in. Gives the interval until the next one, and the change if there is one; nothing where the target is
/// not known.
fn observe(roster: &mut Roster, probed: &Probed, now: Instant) -> Option<(Duration, Option<HealthChange>)> {
    let (cluster, server) = roster.place(probed.target)?;
    let said = roster.reported_state(cluster, server);
    let since = roster.health(cluster).get(server)?.last_change().map(|change| change.at);
    let change = roster.observe(cluster, server, probed.probe, &probed.outcome, now);
    let says = roster.reported_state(cluster, server);
    let cluster_model = roster.model().clusters.get(cluster)?;
    let server_model = cluster_model.servers.get(server)?;
    let health = roster.health(cluster).get(server)?.probes().get(probed.probe)?;
    let next_interval = health.next_interval(server_model.probes.get(probed.probe)?);
    if said != says {
        let (cluster, server) = (&cluster_model.name, &server_model.name);
        tracing::info!(cluster, server, from = %said, to = %says, "a server says so of itself");
    }
    let told = change.map(|change| HealthChange {
        cluster: cluster_model.name.clone(),
        server: server_model.name.clone(),
        address: server_model.address,
        after: since.map(|since| change.at.saturating_duration_since(since)),
        change,
    });
    Some((next_interval, told))
}
