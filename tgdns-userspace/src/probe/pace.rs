//! How many probes are under way at a time, and how late the others start for it.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

use crate::{
    child::Hung,
    cluster::{ProbeKind, ProbeLimits},
};

/// Shared by all probes.
#[derive(Debug)]
pub struct Pace {
    limits: ProbeLimits,
    probes: Semaphore,
    /// Processes weigh more than sockets, so commands have a bound of their own.
    commands: Semaphore,
    /// Commands that were given up, and do not end.
    hung: Hung,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    started: AtomicU64,
    under_way: AtomicU64,
    most_under_way: AtomicU64,
    late_microseconds: AtomicU64,
    latest_microseconds: AtomicU64,
}

/// The pace since the start, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaceStatus {
    pub probes_at_once: u32,
    pub commands_at_once: u32,
    pub started: u64,
    pub under_way: u64,
    pub most_under_way: u64,
    /// From when a probe was due to its start.
    pub mean_late_microseconds: u64,
    pub latest_microseconds: u64,
    /// Commands that do not end though they were killed; from 32 on no other is run.
    #[serde(default)]
    pub commands_hung: usize,
}

/// A probe that is under way until this is dropped.
pub(super) struct Turn<'p> {
    counts: &'p Counts,
    _permit: Option<SemaphorePermit<'p>>,
}

impl Pace {
    pub fn new(limits: ProbeLimits) -> Self {
        let semaphore = |most: u32| Semaphore::new(usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS));
        Self {
            limits,
            probes: semaphore(limits.at_once),
            commands: semaphore(limits.commands_at_once),
            hung: Hung::default(),
            counts: Counts::default(),
        }
    }

    /// Waits until another probe may be under way; first come, first served.
    pub(super) async fn turn(&self, kind: &ProbeKind, due: Instant) -> Turn<'_> {
        let semaphore = if matches!(kind, ProbeKind::Exec(_)) { &self.commands } else { &self.probes };
        // It is never closed.
        let permit = semaphore.acquire().await.ok();
        self.counts.start(due.elapsed());
        Turn { counts: &self.counts, _permit: permit }
    }

    pub(super) fn hung(&self) -> &Hung {
        &self.hung
    }

    pub fn status(&self) -> PaceStatus {
        let Counts { started, under_way, most_under_way, late_microseconds, latest_microseconds } =
            &self.counts;
        let started = started.load(Relaxed);
        PaceStatus {
            probes_at_once: self.limits.at_once,
            commands_at_once: self.limits.commands_at_once,
            started,
            under_way: under_way.load(Relaxed),
            most_under_way: most_under_way.load(Relaxed),
            mean_late_microseconds: late_microseconds.load(Relaxed).checked_div(started).unwrap_or(0),
            latest_microseconds: latest_microseconds.load(Relaxed),
            commands_hung: self.hung.count(),
        }
    }
}

impl Counts {
    fn start(&self, late: Duration) {
        let late = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.started.fetch_add(1, Relaxed);
        self.late_microseconds.fetch_add(late, Relaxed);
        self.latest_microseconds.fetch_max(late, Relaxed);
        let under_way = self.under_way.fetch_add(1, Relaxed) + 1;
        self.most_under_way.fetch_max(under_way, Relaxed);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.counts.under_way.fetch_sub(1, Relaxed);
    }
}
