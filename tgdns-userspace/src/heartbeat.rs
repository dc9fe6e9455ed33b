//! How clients learn that the controller lives: each beat lets the answers be fresh for `stale_after`. A controller that is
//! gone or hangs, or can't write the tables, does not beat, and then they are stale.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use nix::time::{ClockId, clock_getres};

/// Beats in the time after which answers are stale, at least.
const BEATS: u32 = 4;
/// The longest time between two.
const LONGEST_PERIOD: Duration = Duration::from_secs(1);

/// The time from beat to beat.
pub fn period(stale_after: Duration) -> Duration {
    (stale_after / BEATS).min(LONGEST_PERIOD)
}

/// A time in ticks of the kernel's coarse clock, rounded up.
///
/// # Errors
/// The kernel does not tell how long its ticks are.
pub fn ticks(time: Duration) -> Result<u32> {
    let tick = tick().context("cannot ask how long a tick is")?;
    Ok(u32::try_from(time.as_nanos().div_ceil(tick.as_nanos())).unwrap_or(u32::MAX))
}

/// Ticks of that clock in a second.
pub(crate) fn ticks_in_second() -> u32 {
    // Where the kernel does not tell, which a beat reports, they are taken for as long as they get.
    tick().map_or(100, |tick| (1_000_000_000 / tick.as_nanos()) as u32)
}

/// The time between two of them, which is not zero.
fn tick() -> nix::Result<Duration> {
    clock_getres(ClockId::CLOCK_MONOTONIC_COARSE)
        .map(|tick| Duration::from(tick).max(Duration::from_nanos(1)))
}

/// Until when the sockets' answers are fresh: for ever unless told. Clones share it.
#[derive(Clone, Debug)]
pub struct Freshness {
    began: Instant,
    /// Milliseconds after that.
    ends: Arc<AtomicU64>,
}

impl Default for Freshness {
    fn default() -> Self {
        Self { began: Instant::now(), ends: Arc::new(AtomicU64::new(u64::MAX)) }
    }
}

impl Freshness {
    /// Puts its end off.
    pub fn lasts_until(&self, end: Instant) {
        let milliseconds = end.saturating_duration_since(self.began).as_millis();
        self.ends.store(u64::try_from(milliseconds).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub fn is_over(&self) -> bool {
        let ends = self.ends.load(Ordering::Relaxed);
        ends != u64::MAX && self.began.elapsed().as_millis() >= ends.into()
    }
}

#[cfg(test)]
mod tests;
