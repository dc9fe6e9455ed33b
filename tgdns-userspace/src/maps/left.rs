//! When programs left each copy of a table: pure.

use std::time::Instant;

/// By copy, until when it was in use; nothing where no program can be reading it any more.
pub(super) struct Left(Vec<Option<Instant>>);

impl Left {
    /// So many copies, which were all left at that time.
    pub(super) fn new(copies: usize, at: Option<Instant>) -> Self {
        Self(vec![at; copies])
    }

    /// The copy whose turn it is after one: the one that was left first.
    pub(super) fn next(&self, number: u8) -> usize {
        (usize::from(number) + 1) % self.0.len()
    }

    /// What is to be outlasted before a copy is written to: its own readers. Copies with even numbers have one seed, and so have
    /// those with odd ones: where that changes, the readers of all of them.
    pub(super) fn last_reader(&self, number: usize, is_new_seed: bool) -> Option<Instant> {
        let mut alike = self.0.iter().skip(number & 1).step_by(2).copied();
        if is_new_seed { alike.flatten().max() } else { alike.nth(number / 2).flatten() }
    }

    /// No program is running any more that began before that time.
    pub(super) fn outlasted(&mut self, time: Instant) {
        for at in &mut self.0 {
            at.take_if(|at| *at <= time);
        }
    }

    /// Nobody begins to read that copy from now on.
    pub(super) fn leave(&mut self, number: u8, now: Instant) {
        if let Some(at) = self.0.get_mut(usize::from(number)) {
            *at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests;
