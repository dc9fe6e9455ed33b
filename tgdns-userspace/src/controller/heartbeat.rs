//! The loop beats when it turns and what the tables say is what it knows. Until the first publication that is what the last run
//! knew, which holds until the servers have been probed.

use std::time::{Duration, Instant};

use super::Controller;
use crate::heartbeat::{self, Freshness};

/// When the loop beat last, and how that went.
#[derive(Default)]
pub(super) struct Heartbeat {
    /// Shared with the sockets, which no fast path needs for that.
    freshness: Freshness,
    last: Option<Instant>,
    error: Option<String>,
}

impl Heartbeat {
    pub(super) fn freshness(&self) -> Freshness {
        self.freshness.clone()
    }

    /// How long ago the last beat was; none before the first turn's end.
    pub(super) fn age(&self) -> Option<Duration> {
        self.last.map(|last| last.elapsed())
    }

    /// Why the fast path was not told of the last one.
    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }
}

impl Controller {
    /// When the next beat is due: none while the tables are out of date.
    pub(super) fn beats_at(&self) -> Option<Instant> {
        let following = |last| last + heartbeat::period(self.roster.model().stale_after);
        let is_true = self.publication.error().is_none();
        is_true.then(|| self.heartbeat.last.map_or(self.started_at, following))
    }

    pub(super) fn beat_if_due(&mut self, now: Instant) {
        if self.beats_at().is_some_and(|at| at <= now) {
            self.beat();
        }
    }

    /// Lets the answers be fresh for `stale_after` from now on.
    pub(super) fn beat(&mut self) {
        let (now, lasts) = (Instant::now(), self.roster.model().stale_after);
        self.heartbeat.freshness.lasts_until(now + lasts);
        self.heartbeat.last = Some(now);
        let told = self.fast_path.as_mut().map_or(Ok(()), |fast_path| fast_path.beat(lasts));
        let error = told.err().map(|error| format!("{error:#}"));
        if let Some(error) = error.as_ref().filter(|_| self.heartbeat.error.is_none()) {
            tracing::error!(
                "the fast path does not hear the controller, and will take its answers for stale: {error}"
            );
        }
        self.heartbeat.error = error;
    }
}
