//! What was said of a server or a cluster, as it is kept for the next run.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::milliseconds;
use crate::remark::{Remark, Subject};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownRemark {
    /// Milliseconds since 1970.
    at: u64,
    subject: Subject,
    from: String,
    to: String,
    cause: String,
    /// Seconds since 1970.
    until: Option<u64>,
}

impl KnownRemark {
    /// `now` is what the clock calls `wall`.
    pub(super) fn of(remark: &Remark, now: Instant, wall: u64) -> Self {
        Self {
            at: wall.saturating_sub(milliseconds(now.saturating_duration_since(remark.at))),
            subject: remark.subject,
            from: remark.from.clone(),
            to: remark.to.clone(),
            cause: remark.cause.clone(),
            until: remark.until,
        }
    }

    /// The same on the clock of another run.
    pub(super) fn told(&self, now: Instant, wall: u64) -> Option<Remark> {
        let age = Duration::from_millis(wall.saturating_sub(self.at));
        Some(Remark {
            subject: self.subject,
            from: self.from.clone(),
            to: self.to.clone(),
            cause: self.cause.clone(),
            until: self.until,
            at: now.checked_sub(age)?,
        })
    }
}
