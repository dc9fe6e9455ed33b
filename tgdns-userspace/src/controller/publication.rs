//! What is due goes into the slow path's tables and the fast path's maps, and again where that fails.

use std::{
    mem,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{Controller, sources::Sources};
use crate::{cluster::Model, publish::Renderer, selection::Selection, service_manager};

const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What was published last, and what became of it.
#[derive(Default)]
pub(super) struct Publication {
    renderer: Renderer,
    succeeded: u64,
    failed: u64,
    /// Entries of the fast path's maps.
    written: u64,
    /// From the choice until all tables say so.
    took: Duration,
    failure: Option<Failure>,
    /// Whether there was one: clients are answered by the configuration.
    is_first_done: bool,
}

struct Failure {
    message: String,
    again_at: Instant,
}

impl Publication {
    pub(super) fn error(&self) -> Option<&str> {
        self.failure.as_ref().map(|failure| failure.message.as_str())
    }

    /// Name and value of each.
    pub(super) fn counts(&self) -> [(&'static str, u64); 5] {
        [
            ("succeeded", self.succeeded),
            ("failed", self.failed),
            ("clusters_rendered", self.renderer.rendered()),
            ("entries_written", self.written),
            ("microseconds", self.took.as_micros() as u64),
        ]
    }

    /// When to try once more, where it has failed.
    pub(super) fn again_at(&self) -> Option<Instant> {
        self.failure.as_ref().map(|failure| failure.again_at)
    }
}

impl Controller {
    pub(super) fn publish_due(&mut self, now: Instant, unix_seconds: u32, sources: &mut Sources) {
        let begun = Instant::now();
        let Some(selection) = self.roster.due(now, unix_seconds) else { return };
        let published = self.publish(&selection, sources);
        self.publication.took += begun.elapsed();
        match published {
            Ok(()) => {
                self.publication.succeeded += 1;
                self.publication.failure = None;
                if !mem::replace(&mut self.publication.is_first_done, true) {
                    service_manager::ready();
                }
                self.rules.see(&self.roster, &selection, now);
                self.roster.set_published(selection);
                self.health_file.changed(now);
            }
            Err(error) => {
                tracing::error!("cannot publish the answers, trying again in 1 s: {error:#}");
                self.publication.failed += 1;
                let message = format!("{error:#}");
                self.publication.failure = Some(Failure { message, again_at: now + AGAIN_AFTER });
                self.roster.set_unpublished();
            }
        }
    }

    fn publish(&mut self, selection: &Selection, sources: &mut Sources) -> Result<()> {
        let image = self.publication.renderer.image(self.roster.model(), self.roster.basis(), selection);
        // The sockets first: a map that can't be written must not keep them from telling the truth.
        let image = image.with_freshness(self.heartbeat.freshness());
        // What was told of a failure is not taken back before it is over.
        if self.publication.failure.is_none() {
            self.beat();
        }
        let image = self.slow_path.publish(image, selection.is_complete(), sources);
        if let Some(fast_path) = &mut self.fast_path {
            let published = fast_path.publish(&image).context("writing the fast path's maps")?;
            self.publication.written += published.changed as u64;
            tracing::debug!(changed = published.changed, "published to the fast path");
            if fast_path.is_waiting() && selection.is_complete() {
                let Model { interfaces, stale_after, .. } = self.roster.model();
                fast_path
                    .take_over(interfaces, &image, *stale_after)
                    .context("taking over from another version")?;
                self.attachments.look_again();
            }
            self.self_test.published(image);
        }
        Ok(())
    }
}
