//! When the servers' health is saved for the next run.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use tokio::time::timeout;

use super::{Controller, sources::Sources};
use crate::last_run::file::{self, Memory};

/// What changes together is saved together.
const SETTLE: Duration = Duration::from_millis(100);
/// However much changes.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);
/// However little changes: what is older than [`file::FRESH`] is not believed.
const AT_LEAST_EVERY: Duration = Duration::from_millis(file::FRESH / 2);
/// A stop waits for a disk no longer.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct HealthFile {
    /// When the first change was that is not saved yet.
    changed_at: Option<Instant>,
    saved_at: Instant,
    is_saving: bool,
    /// What was logged last.
    failure: Option<String>,
}

impl HealthFile {
    pub(super) fn new(now: Instant) -> Self {
        Self { changed_at: None, saved_at: now, is_saving: false, failure: None }
    }

    pub(super) fn changed(&mut self, now: Instant) {
        self.changed_at.get_or_insert(now);
    }

    pub(super) fn due_at(&self) -> Option<Instant> {
        let refresh = self.saved_at + AT_LEAST_EVERY;
        let change = self.changed_at.map(|at| (at + SETTLE).max(self.saved_at + AT_MOST_EVERY));
        (!self.is_saving).then(|| change.map_or(refresh, |change| change.min(refresh)))
    }

    /// Whether to save now.
    fn begin(&mut self, now: Instant) -> bool {
        let begins = self.due_at().is_some_and(|due_at| due_at <= now);
        if begins {
            self.is_saving = true;
            self.changed_at = None;
        }
        begins
    }

    /// The save has ended. What could not be saved is in the next one.
    pub(super) fn saved(&mut self, outcome: &Result<()>, now: Instant) {
        self.is_saving = false;
        self.saved_at = now;
        let failure = outcome.as_ref().err().map(|error| format!("{error:#}"));
        if failure.is_some() {
            self.changed(now);
        }
        match (&self.failure, &failure) {
            (before, Some(cause)) if before.as_ref() != Some(cause) => {
                tracing::error!("{cause} (trying again each second)");
            }
            (Some(_), None) => tracing::info!("the servers' health is saved again"),
            (_, _) => {}
        }
        self.failure = failure;
    }
}

impl Controller {
    pub(super) fn save_health(&mut self, now: Instant, sources: &Sources) {
        if self.health_file.begin(now) {
            sources.save_health(self.roster.model().state_directory.clone(), self.memory(now));
        }
    }

    /// Before the process ends: behind the save that is under way, as both write one file.
    pub(super) async fn save_health_at_last(&mut self, sources: &mut Sources) {
        let save = async {
            if self.health_file.is_saving {
                let outcome = sources.health_saved().await;
                self.health_file.saved(&outcome, Instant::now());
            }
            sources.save_health(self.roster.model().state_directory.clone(), self.memory(Instant::now()));
            sources.health_saved().await
        };
        let too_late = |_elapsed| {
            Err(anyhow!(
                "the servers' health is not saved, as the disk takes longer than {}: the next run goes by what was saved before",
                humantime::format_duration(LAST_PATIENCE)
            ))
        };
        if let Err(error) = timeout(LAST_PATIENCE, save).await.unwrap_or_else(too_late) {
            tracing::error!("{error:#}");
        }
    }

    fn memory(&self, now: Instant) -> Memory {
        Memory::of(&self.roster, &self.rules, now, unix_milliseconds())
    }
}

/// The clock's time.
pub(super) fn unix_milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn seldom_enough_and_often_enough() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut file = HealthFile::new(start);
        assert_eq!(file.due_at(), Some(at(30_000)));
        for moment in [5_000, 5_050] {
            file.changed(at(moment));
        }
        assert_eq!(file.due_at(), Some(at(5_100)));
        assert!(!file.begin(at(5_099)) && file.begin(at(5_100)));
        // A change while it is being saved is in the next one, a second later.
        file.changed(at(5_110));
        assert_eq!(file.due_at(), None);
        file.saved(&Ok(()), at(5_120));
        assert_eq!(file.due_at(), Some(at(6_120)));
        // A full disk.
        assert!(file.begin(at(6_120)));
        file.saved(&Err(anyhow::anyhow!("no space")), at(6_130));
        assert_eq!(file.due_at(), Some(at(7_130)));
        assert!(file.begin(at(7_130)));
        file.saved(&Ok(()), at(7_140));
        assert_eq!(file.due_at().unwrap(), at(37_140));
    }
}
