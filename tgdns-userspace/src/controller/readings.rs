//! Who wants to read what the controller knows, until it is written.
//!
//! For thousands of servers a text takes tens of milliseconds, and clients may ask as fast as they can. So the loop takes a
//! copy of what is known, behind everything else that a turn does; text is made of it, and sent to all who wait for the same,
//! by other threads. The next one is begun no sooner than after as long a time as the last one took from its beginning until it
//! was written: half of the loop's time at least, and of another processor's, is left for probes and changes.

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
    /// When the text that is being written was begun, while one is, and who is told it.
    writing: Option<(Instant, Vec<Replier>)>,
    /// Nothing is begun before.
    not_before: Instant,
}

impl Readings {
    pub(super) fn new(now: Instant) -> Self {
        Self { waiting: Vec::new(), writing: None, not_before: now }
    }

    pub(super) fn ask(&mut self, reading: Reading, replier: Replier) {
        self.waiting.push((reading, replier));
    }

    /// Whether nobody waits for anything.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.writing.is_none()
    }

    /// When something is to be begun; none while nobody waits, or a text is being written.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.waiting.first().filter(|_| self.writing.is_none()).map(|_| self.not_before)
    }

    /// What is to be taken down now: whatever has been waited for longest, for all who have asked for it by now.
    pub(super) fn begin(&mut self, now: Instant) -> Option<Reading> {
        self.due_at().filter(|due_at| *due_at <= now)?;
        let reading = self.waiting.first()?.0;
        let asked = self.waiting.extract_if(.., |(wanted, _)| *wanted == reading);
        self.writing = Some((now, asked.map(|(_, replier)| replier).collect()));
        Some(reading)
    }

    /// Tells the text to all who wait for it.
    pub(super) fn written(&mut self, outcome: &Result<Reply>, now: Instant) {
        let Some((begun, asked)) = self.writing.take() else { return };
        self.not_before = now + now.saturating_duration_since(begun);
        for replier in asked {
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
