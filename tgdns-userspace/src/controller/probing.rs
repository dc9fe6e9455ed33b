//! What probes have found, on its way to the roster and to who is told of it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{Controller, roster::Roster};
use crate::{
    admin::AdminState,
    health::Outcome,
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

/// What became of all rounds of probes.
#[derive(Debug, Default)]
pub(super) struct Tally {
    succeeded: u64,
    failed: u64,
    not_run: u64,
}

impl Tally {
    fn count(&mut self, outcome: &Result<Outcome, String>) {
        match outcome {
            Ok(outcome) if outcome.is_success() => self.succeeded += 1,
            Ok(_) => self.failed += 1,
            Err(_) => self.not_run += 1,
        }
    }

    /// Name and value of each.
    pub(super) fn counts(&self) -> [(&'static str, u64); 3] {
        [("succeeded", self.succeeded), ("failed", self.failed), ("not_run", self.not_run)]
    }
}

impl Controller {
    pub(super) fn probed(&mut self, probed: Probed) {
        self.tally.count(&probed.outcome);
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
    match &probed.outcome {
        Ok(outcome) => roster.observe(cluster, server, probed.probe, outcome, now),
        Err(cause) => roster.impede(cluster, server, probed.probe, cause, now),
    }
    let probe = roster.model().clusters.get(cluster)?.servers.get(server)?.probes.get(probed.probe)?;
    let health = roster.health(cluster).get(server)?.probes().get(probed.probe)?;
    Some(health.next_interval(probe))
}
