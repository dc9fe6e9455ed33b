//! What systemd is told of this service: that it is ready, reloads, stops, and that its event loop turns.
//!
//! Without `NOTIFY_SOCKET` nobody is told.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// It answers by the configuration, and `systemctl start` or `reload` may go on.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// It reads its file again, until it is [`ready`].
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!("cannot read the clock: {error}"),
    }
}

pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!("systemd cannot be told {state:?}: {error}");
    }
}

/// Tells that the event loop turns, twice in the time after which a service that does not is killed (`WatchdogSec=`).
pub(crate) struct Watchdog {
    interval: Option<Duration>,
    due_at: Option<Instant>,
}

impl Default for Watchdog {
    fn default() -> Self {
        let interval = sd_notify::watchdog_enabled().map(|limit| limit / 2);
        Self { interval, due_at: interval.map(|_| Instant::now()) }
    }
}

impl Watchdog {
    pub(crate) fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    pub(crate) fn feed(&mut self, now: Instant) {
        if self.due_at.is_some_and(|due_at| due_at <= now) {
            tell(&[NotifyState::Watchdog]);
            self.due_at = self.interval.map(|interval| now + interval);
        }
    }
}
