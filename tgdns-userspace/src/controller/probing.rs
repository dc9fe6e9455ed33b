//! What probes have found, on its way to the roster and to who is told of it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{Controller, roster::Roster};
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
        // Two rosters that know a target know the same of it.
        let next_intervals = self.rosters_mut().map(|roster| observe(roster, &probed, now));
        let Some(next_interval) = next_intervals.fold(None, Option::or) else { return };
        probed.answer(next_interval);
    }
}

/// Takes one outcome in. Gives the interval until the next one; nothing where the target is not known.
fn observe(roster: &mut Roster, probed: &Probed, now: Instant) -> Option<Duration> {
    let (cluster, server) = roster.place(probed.target)?;
    roster.observe(cluster, server, probed.probe, &probed.outcome, now);
    let probe = roster.model().clusters.get(cluster)?.servers.get(server)?.probes.get(probed.probe)?;
    let health = roster.health(cluster).get(server)?.probes().get(probed.probe)?;
    Some(health.next_interval(probe))
}
