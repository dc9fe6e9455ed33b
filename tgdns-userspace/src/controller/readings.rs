//! Who wants to read what the controller knows, until it is written out.
//!
//! For thousands of servers that takes the loop tens of milliseconds, and clients may ask as fast as they can. So all who wait
//! for the same get one text, a turn writes one at most, behind everything else that it does, and the next is begun no
//! sooner than after as long a time as the last one took: half of the loop's time always is left for probes and changes.

use std::time::Instant;

use anyhow::{Result, anyhow};

use crate::control::{Replier, Reply};

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Status,
    History,
    Stats,
}

pub(super) struct Readings {
    /// In the order in which they have asked.
    waiting: Vec<(Reading, Replier)>,
    /// Nothing is written before.
    not_before: Instant,
}

impl Readings {
    pub(super) fn new(now: Instant) -> Self {
        Self { waiting: Vec::new(), not_before: now }
    }

    pub(super) fn ask(&mut self, reading: Reading, replier: Replier) {
        self.waiting.push((reading, replier));
    }

    /// When something is to be written; none while nobody waits.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.waiting.first().map(|_| self.not_before)
    }

    /// What is to be written now: whatever has been waited for longest.
    pub(super) fn due(&self, now: Instant) -> Option<Reading> {
        let (reading, _) = self.waiting.first()?;
        (self.not_before <= now).then_some(*reading)
    }

    /// Tells all who wait for it. Writing it has begun and ended then.
    pub(super) fn tell(&mut self, reading: Reading, outcome: &Result<Reply>, begun: Instant, ended: Instant) {
        self.not_before = ended + ended.saturating_duration_since(begun);
        for (_, replier) in self.waiting.extract_if(.., |(wanted, _)| *wanted == reading) {
            // The client may have gone.
            let _ = replier.send(match outcome {
                Ok(reply) => Ok(reply.clone()),
                Err(error) => Err(anyhow!("{error:#}")),
            });
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
