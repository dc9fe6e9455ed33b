//! A stop: nothing new is begun, and all else goes on until what has begun is done.
//!
//! While hooks are told of what waits for them answers stay fresh, and true.

use std::time::Instant;

use super::Controller;
use crate::{hook::RUN_OUT, service_manager};

/// A stop that is under way.
#[derive(Debug)]
pub(super) struct Stopping {
    signal: &'static str,
    /// What is not done by then is given up: the unit's `TimeoutStopSec=` is 10 s, and the last save takes a moment, too.
    until: Instant,
}

impl Controller {
    /// A signal asks for it, and a second one for its end. Gives whether all is over.
    pub(super) fn stop(&mut self, signal: &'static str) -> bool {
        let is_second = self.stopping.is_some();
        if !is_second {
            service_manager::stopping();
            self.stopping = Some(Stopping { signal, until: Instant::now() + RUN_OUT });
        }
        is_second
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    pub(super) fn stops_at(&self) -> Option<Instant> {
        self.stopping.as_ref().map(|stopping| stopping.until)
    }

    /// The signal that the stop came by, where hooks are all that may still be waited for.
    pub(super) fn stops_behind_hooks(&self) -> Option<&'static str> {
        let is_told = self.administration.is_idle() && self.readings.is_idle();
        let is_done = is_told && self.rules.due_at().is_none();
        self.stopping.as_ref().filter(|_| is_done).map(|stopping| stopping.signal)
    }

    /// The same, where its time is up.
    pub(super) fn stops_now(&self, now: Instant) -> Option<&'static str> {
        self.stopping.as_ref().filter(|stopping| stopping.until <= now).map(|stopping| stopping.signal)
    }
}
