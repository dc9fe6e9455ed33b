//! What the outcomes of one probe come to.

use std::time::{Duration, Instant};

use super::{Health, Outcome, Report};
use crate::cluster::Probe;

/// The health of a server by one of its probes, and the evidence against it.
#[derive(Clone, Debug)]
pub struct ProbeHealth {
    rise: u32,
    fall: u32,
    health: Health,
    /// Successes in a row; 0 after a failure.
    successes: u32,
    /// Failures in a row; 0 after a success.
    failures: u32,
    last_outcome: Option<(Outcome, Instant)>,
    report: Report,
    /// Why this host cannot probe, and since when.
    impediment: Option<(String, Instant)>,
}

impl ProbeHealth {
    pub fn new(probe: &Probe) -> Self {
        Self {
            rise: probe.rise.max(1),
            fall: probe.fall.max(1),
            health: Health::Unknown,
            successes: 0,
            failures: 0,
            last_outcome: None,
            report: Report::default(),
            impediment: None,
        }
    }

    /// Takes one outcome; tells the evidence if it brought about another verdict.
    pub(super) fn observe(&mut self, outcome: &Outcome, now: Instant) -> Option<String> {
        self.impediment = None;
        self.count(outcome);
        self.last_outcome = Some((outcome.clone(), now));
        self.report.update(outcome.report());
        let verdict = self.verdict();
        let is_new = verdict != self.health;
        self.health = verdict;
        is_new.then(|| self.evidence(outcome))
    }

    /// This host could not probe: that says nothing of the server, so the verdict stays and no evidence is lost.
    pub(super) fn impede(&mut self, cause: &str, now: Instant) {
        let since = self.impediment.as_ref().map_or(now, |(_, since)| *since);
        self.impediment = Some((cause.to_owned(), since));
    }

    /// Why this host cannot probe, and since when; nothing while it can.
    pub fn impediment(&self) -> Option<&(String, Instant)> {
        self.impediment.as_ref()
    }

    /// Takes over what the server said of itself before.
    pub(super) fn recall(&mut self, report: Report) {
        self.report = report;
    }

    /// Forgets the verdict and what it rests on.
    pub(super) fn doubt(&mut self) {
        self.health = Health::Unknown;
        (self.successes, self.failures) = (0, 0);
        self.last_outcome = None;
        self.report = Report::default();
    }

    pub fn health(&self) -> Health {
        self.health
    }

    /// Whether the fast interval holds: there is no verdict yet, or the latest outcome speaks against it.
    pub fn is_changing(&self) -> bool {
        match self.health {
            Health::Unknown => true,
            Health::Up => self.failures > 0,
            Health::Down => self.successes > 0,
        }
    }

    /// The interval from the start of the probe observed last to the start of the next one.
    pub fn next_interval(&self, probe: &Probe) -> Duration {
        match self.health {
            _ if self.is_changing() => probe.fast_interval,
            Health::Down => probe.slow_interval,
            Health::Unknown | Health::Up => probe.interval,
        }
    }

    pub fn last_outcome(&self) -> Option<&(Outcome, Instant)> {
        self.last_outcome.as_ref()
    }

    /// What the server said of itself by this probe.
    pub fn report(&self) -> &Report {
        &self.report
    }

    fn count(&mut self, outcome: &Outcome) {
        if outcome.is_success() {
            self.successes = self.successes.saturating_add(1);
            self.failures = 0;
        } else {
            self.failures = self.failures.saturating_add(1);
            self.successes = 0;
        }
    }

    fn verdict(&self) -> Health {
        if self.successes >= self.rise {
            Health::Up
        } else if self.failures >= self.fall {
            Health::Down
        } else {
            self.health
        }
    }

    fn evidence(&self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Success { .. } => in_a_row(self.successes, "success", "successes"),
            Outcome::Failure { cause, .. } => {
                format!("{cause} ({})", in_a_row(self.failures, "failure", "failures"))
            }
        }
    }
}

fn in_a_row(count: u32, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many} in a row") }
}
