//! Whether a server can take a connection: probe outcomes in, verdicts out; pure.
//!
//! A verdict of a probe needs evidence in a row, and every outcome to the contrary starts the count anew:
//!
//! | health  | becomes `Up` after           | becomes `Down` after      |
//! |---------|------------------------------|---------------------------|
//! | unknown | `rise` successes in a row    | `fall` failures in a row  |
//! | up      | –                            | `fall` failures in a row  |
//! | down    | `rise` successes in a row    | –                         |
//!
//! So a server is never handed out before it has proven itself, and the first verdict weighs as much as any later
//! one. It comes soon nevertheless: the first probe starts at once and the fast interval holds while health is
//! unknown.
//!
//! Where a server has several probes each has a verdict of its own, by its own `rise` and `fall`, and the server's is
//! the worst of them (`all`) or the best (`any`), where unknown lies between down and up. Nothing is counted across
//! probes, so one that is quick neither covers nor outvotes one that is slow.

use std::{collections::VecDeque, time::Instant};

pub use outcome::{Outcome, Report, ReportedWeight};
pub use probe::ProbeHealth;

use crate::{
    admin::AdminState,
    cluster::{Join, Server},
};

mod outcome;
mod probe;

/// Changes of a server that are remembered.
const REMEMBERED: usize = 32;

/// What probes say by and large; from the worst to the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    Down,
    /// No verdict yet.
    Unknown,
    Up,
}

impl Health {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// Whose verdict it is that holds until a server's probes have their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    LastRun,
    /// Of the configuration before.
    EarlierProbe,
}

impl Origin {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LastRun => "last run",
            Self::EarlierProbe => "earlier probe",
        }
    }
}

/// A new verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub from: Health,
    pub to: Health,
    /// The evidence, for people: "connection refused (3 failures in a row)", behind the probe's name where there are
    /// several.
    pub cause: String,
    pub at: Instant,
}

/// The health of one server by all its probes.
#[derive(Clone, Debug)]
pub struct ServerHealth {
    join: Join,
    health: Health,
    /// Set while these probes have not come to a verdict themselves.
    inherited: Option<Origin>,
    /// As in the model.
    probes: Vec<ProbeHealth>,
    /// Their names, where there are several.
    names: Vec<String>,
    /// The last ones, the latest at the end.
    changes: VecDeque<Change>,
}

impl ServerHealth {
    pub fn new(join: Join, server: &Server) -> Self {
        let names = match server.probes.as_slice() {
            [_] => Vec::new(),
            probes => probes.iter().map(|probe| probe.name.clone()).collect(),
        };
        Self {
            join,
            health: Health::Unknown,
            inherited: None,
            probes: server.probes.iter().map(ProbeHealth::new).collect(),
            names,
            changes: VecDeque::new(),
        }
    }

    /// Takes over a verdict that other probes came to: it holds until these have come to theirs.
    pub fn inherit(&mut self, from: Origin, health: Health, changes: impl IntoIterator<Item = Change>) {
        self.health = health;
        self.inherited = (health != Health::Unknown).then_some(from);
        changes.into_iter().for_each(|change| self.remember(change));
    }

    /// Takes over what the server said of itself by the probe with this index: it holds until it says otherwise.
    pub fn recall(&mut self, probe: usize, report: Report) {
        if let Some(probe) = self.probes.get_mut(probe) {
            probe.recall(report);
        }
    }

    /// Whose verdict it is, where it is not that of these probes.
    pub fn inherited(&self) -> Option<Origin> {
        self.inherited
    }

    /// Takes one outcome of the probe with this index; tells the new verdict if this outcome brought it about.
    pub fn observe(&mut self, probe: usize, outcome: &Outcome, now: Instant) -> Option<Change> {
        let evidence = self.probes.get_mut(probe)?.observe(outcome, now)?;
        let to = self.verdict();
        if self.inherited.is_some() && to == Health::Unknown {
            return None;
        }
        self.inherited = None;
        if to == self.health {
            return None;
        }
        let cause = self.named(probe, &evidence);
        let change = Change { from: self.health, to, cause, at: now };
        self.health = to;
        self.remember(change.clone());
        Some(change)
    }

    /// This host could not ask by this probe. Tells whether it could until then.
    pub fn impede(&mut self, probe: usize, cause: &str, now: Instant) -> bool {
        let Some(probe) = self.probes.get_mut(probe) else { return false };
        let is_new = probe.impediment().is_none();
        probe.impede(cause, now);
        is_new
    }

    /// Whether this host can ask by all of its probes; not so before each has had an outcome.
    pub fn is_probed(&self) -> bool {
        self.probes.iter().all(|probe| probe.impediment().is_none() && probe.last_outcome().is_some())
    }

    /// Forgets the verdict and what it rests on: the server must prove itself anew. Tells the change, if it is one.
    pub fn doubt(&mut self, cause: &str, now: Instant) -> Option<Change> {
        let change = Change { from: self.health, to: Health::Unknown, cause: cause.to_owned(), at: now };
        self.health = Health::Unknown;
        self.inherited = None;
        self.probes.iter_mut().for_each(ProbeHealth::doubt);
        let change = (change.from != Health::Unknown).then_some(change)?;
        self.remember(change.clone());
        Some(change)
    }

    /// What one of its probes says, behind the probe's name where there are several.
    pub fn named(&self, probe: usize, text: &str) -> String {
        match self.names.get(probe) {
            Some(name) => format!("{name}: {text}"),
            None => text.to_owned(),
        }
    }

    fn remember(&mut self, change: Change) {
        if self.changes.len() == REMEMBERED {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
    }

    pub fn health(&self) -> Health {
        self.health
    }

    /// As in the model.
    pub fn probes(&self) -> &[ProbeHealth] {
        &self.probes
    }

    /// What the server says of itself: the most careful of its probes counts.
    pub fn reported_state(&self) -> AdminState {
        self.probes.iter().filter_map(|probe| probe.report().state).max().unwrap_or_default()
    }

    /// A weight after what the server says of itself, in hundredths, so that a part of 1 is something; the least
    /// counts where several probes tell one.
    pub fn weight(&self, configured: u16) -> u32 {
        let reported =
            self.probes.iter().filter_map(|probe| probe.report().weight).map(|weight| match weight {
                ReportedWeight::Absolute(weight) => u32::from(weight) * 100,
                ReportedWeight::Percent(percent) => u32::from(configured) * u32::from(percent),
            });
        reported.min().unwrap_or(u32::from(configured) * 100)
    }

    /// What people should see to, by probe, before it becomes a failure.
    pub fn warnings(&self) -> Vec<String> {
        let named =
            |(index, probe): (usize, &ProbeHealth)| Some(self.named(index, probe.report().warning.as_ref()?));
        self.probes.iter().enumerate().filter_map(named).collect()
    }

    pub fn last_change(&self) -> Option<&Change> {
        self.changes.back()
    }

    /// The last changes, the latest at the end.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter()
    }

    fn verdict(&self) -> Health {
        let probes = self.probes.iter().map(ProbeHealth::health);
        match self.join {
            Join::All => probes.min(),
            Join::Any => probes.max(),
        }
        .unwrap_or(Health::Unknown)
    }
}

#[cfg(test)]
mod tests;
