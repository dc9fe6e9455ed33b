//! Whether a server can take a connection: probe outcomes in, verdicts out; pure.
//!
//! A verdict needs evidence in a row, and every outcome to the contrary starts the count anew:
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

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::cluster::Probe;

/// Changes of a server that are remembered.
const REMEMBERED: usize = 32;

/// What the probes of a server say by and large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// No verdict yet.
    Unknown,
    Up,
    Down,
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

/// What one probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success {
        /// From the start of the probe to the proof.
        took: Duration,
    },
    Failure {
        /// For people: "connection refused", "timed out after 500ms".
        cause: String,
    },
}

/// A new verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub from: Health,
    pub to: Health,
    /// The evidence, for people: "connection refused (3 failures in a row)".
    pub cause: String,
    pub at: Instant,
}

/// The health of one server and the evidence against it.
#[derive(Clone, Debug)]
pub struct ServerHealth {
    rise: u32,
    fall: u32,
    health: Health,
    /// Successes in a row; 0 after a failure.
    successes: u32,
    /// Failures in a row; 0 after a success.
    failures: u32,
    last_outcome: Option<(Outcome, Instant)>,
    /// The last ones, the latest at the end.
    changes: VecDeque<Change>,
}

impl ServerHealth {
    pub fn new(probe: &Probe) -> Self {
        Self {
            rise: probe.rise.max(1),
            fall: probe.fall.max(1),
            health: Health::Unknown,
            successes: 0,
            failures: 0,
            last_outcome: None,
            changes: VecDeque::new(),
        }
    }

    /// Takes one probe's outcome; tells the new verdict if this outcome brought it about.
    pub fn observe(&mut self, outcome: &Outcome, now: Instant) -> Option<Change> {
        self.count(outcome);
        self.last_outcome = Some((outcome.clone(), now));
        let to = self.verdict();
        if to == self.health {
            return None;
        }
        let change = Change { from: self.health, to, cause: self.evidence(outcome), at: now };
        self.health = to;
        self.remember(change.clone());
        Some(change)
    }

    /// Forgets the verdict and what it rests on: the server must prove itself anew.
    pub fn doubt(&mut self, cause: &str, now: Instant) {
        if self.health != Health::Unknown {
            self.remember(Change {
                from: self.health,
                to: Health::Unknown,
                cause: cause.to_owned(),
                at: now,
            });
        }
        self.health = Health::Unknown;
        (self.successes, self.failures) = (0, 0);
        self.last_outcome = None;
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
        if self.is_changing() { probe.fast_interval } else { probe.interval }
    }

    pub fn last_outcome(&self) -> Option<&(Outcome, Instant)> {
        self.last_outcome.as_ref()
    }

    pub fn last_change(&self) -> Option<&Change> {
        self.changes.back()
    }

    /// The last changes, the latest at the end.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter()
    }

    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Success { .. } => {
                self.successes = self.successes.saturating_add(1);
                self.failures = 0;
            }
            Outcome::Failure { .. } => {
                self.failures = self.failures.saturating_add(1);
                self.successes = 0;
            }
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
            Outcome::Failure { cause } => {
                format!("{cause} ({})", in_a_row(self.failures, "failure", "failures"))
            }
        }
    }
}

fn in_a_row(count: u32, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many} in a row") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::ProbeKind;

    #[test]
    fn outcomes_to_health() {
        // Successes are `+`, failures `-`; then the health after each: `u`p, `d`own, or `?` for as it was before.
        for (rise, fall, outcomes, expected) in [
            (1, 1, "+-+-", "udud"),
            (2, 3, "++---++", "?uuud?u"),
            (2, 3, "+-+-+-++", "???????u"),
            (2, 3, "--+---", "?????d"),
            (2, 3, "++--+--+---", "?uuuuuuuuud"),
            (3, 1, "-+++-", "dddud"),
            (0, 0, "+-", "ud"),
        ] {
            let mut server = ServerHealth::new(&probe(rise, fall));
            let mut before = Health::Unknown;
            for (position, (outcome, letter)) in outcomes.chars().zip(expected.chars()).enumerate() {
                server.observe(&parse(outcome), Instant::now());
                let wanted = match letter {
                    'u' => Health::Up,
                    'd' => Health::Down,
                    _ => before,
                };
                assert_eq!(server.health(), wanted, "{outcomes} with {rise}/{fall}, at {position}");
                before = wanted;
            }
        }
    }

    #[test]
    fn changing_means_unknown_or_contradicted() {
        // `f` where the fast interval follows the outcome.
        for (outcomes, expected) in [("++-+---+++", "f.f.ff.f.."), ("--+---", "fffff.")] {
            let probe = probe(2, 3);
            let mut server = ServerHealth::new(&probe);
            assert!(server.is_changing(), "unknown is changing");
            for (position, (outcome, letter)) in outcomes.chars().zip(expected.chars()).enumerate() {
                server.observe(&parse(outcome), Instant::now());
                let wanted = if letter == 'f' { probe.fast_interval } else { probe.interval };
                assert_eq!(server.next_interval(&probe), wanted, "{outcomes} at {position}");
            }
        }
    }

    #[test]
    fn a_change_tells_its_cause() {
        let mut server = ServerHealth::new(&probe(2, 3));
        let now = Instant::now();
        let changes: Vec<Change> =
            "++---".chars().filter_map(|outcome| server.observe(&parse(outcome), now)).collect();
        let told: Vec<(Health, Health, &str)> =
            changes.iter().map(|change| (change.from, change.to, change.cause.as_str())).collect();
        assert_eq!(
            told,
            [
                (Health::Unknown, Health::Up, "2 successes in a row"),
                (Health::Up, Health::Down, "connection refused (3 failures in a row)"),
            ]
        );
        assert_eq!(server.last_change(), changes.last());
        assert_eq!(server.last_outcome(), Some(&(parse('-'), now)));
    }

    #[test]
    fn changes_are_remembered_but_not_all() {
        let mut server = ServerHealth::new(&probe(1, 1));
        let start = Instant::now();
        for second in 0..100 {
            let outcome = parse(if second % 2 == 0 { '+' } else { '-' });
            server.observe(&outcome, start + Duration::from_secs(second));
        }
        let told: Vec<u64> = server.changes().map(|change| (change.at - start).as_secs()).collect();
        assert_eq!(told, (68..100).collect::<Vec<_>>());
        server.doubt("maintenance", start + Duration::from_secs(100));
        assert_eq!((server.health(), server.is_changing()), (Health::Unknown, true));
        let last = server.last_change().map(|change| (change.from, change.to, change.cause.as_str()));
        assert_eq!(last, Some((Health::Down, Health::Unknown, "maintenance")));
        // Nothing was known, so nothing changes.
        server.doubt("maintenance", start + Duration::from_secs(101));
        assert_eq!(server.changes().count(), REMEMBERED);
    }

    /// Every sequence of 12 outcomes under every rise and fall up to 4: no verdict without its outcomes in a row,
    /// none withheld, and a change is told exactly when health differs.
    #[test]
    fn never_flips_without_rise_or_fall_in_a_row() {
        const LENGTH: u32 = 12;
        for (rise, fall) in (1..=4).flat_map(|rise| (1..=4).map(move |fall| (rise, fall))) {
            for bits in 0..1_u32 << LENGTH {
                let outcomes: Vec<bool> = (0..LENGTH).map(|bit| bits >> bit & 1 == 1).collect();
                let mut server = ServerHealth::new(&probe(rise, fall));
                for end in 1..=outcomes.len() {
                    let before = server.health();
                    let (last, seen) = (outcomes[end - 1], &outcomes[..end]);
                    let change = server.observe(&parse(if last { '+' } else { '-' }), Instant::now());
                    let in_a_row = seen.iter().rev().take_while(|outcome| **outcome == last).count() as u32;
                    let wanted = match last {
                        true if in_a_row >= rise => Health::Up,
                        false if in_a_row >= fall => Health::Down,
                        _ => before,
                    };
                    assert_eq!(server.health(), wanted, "{seen:?} with {rise}/{fall}");
                    assert_eq!(change.map(|change| change.to), (wanted != before).then_some(wanted));
                }
            }
        }
    }

    fn parse(letter: char) -> Outcome {
        match letter {
            '+' => Outcome::Success { took: Duration::from_millis(1) },
            _ => Outcome::Failure { cause: "connection refused".into() },
        }
    }

    fn probe(rise: u32, fall: u32) -> Probe {
        Probe {
            kind: ProbeKind::Tcp { port: 443 },
            interval: Duration::from_secs(1),
            fast_interval: Duration::from_millis(100),
            timeout: Duration::from_millis(500),
            rise,
            fall,
        }
    }
}
