//! Every few seconds the loaded program is asked some of the questions that clients can ask.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{image::Image, self_test::News, xdp::FastPath};

/// From one round to the next.
const EVERY: Duration = Duration::from_secs(2);
/// Of a round, so that it holds up nobody and costs a thousandth of a processor; the questions left are the next one's.
const LASTS: Duration = Duration::from_millis(2);
/// How many differences `status` shows.
const SHOWN: usize = 5;

#[derive(Default)]
pub(super) struct SelfTesting {
    /// What the maps were made to say last.
    image: Option<Arc<Image>>,
    due_at: Option<Instant>,
    /// Why the program could not be asked.
    failure: Option<String>,
}

impl SelfTesting {
    pub(super) fn published(&mut self, image: Arc<Image>) {
        self.image = Some(image);
        self.due_at.get_or_insert_with(|| Instant::now() + EVERY);
    }

    /// When there is something to do.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    /// Where writing the maps has failed they may say neither this nor that, which is told elsewhere.
    pub(super) fn run_if_due(&mut self, fast_path: Option<&mut FastPath>, is_published: bool) {
        let now = Instant::now();
        let (Some(fast_path), Some(image), Some(due_at)) = (fast_path, &self.image, self.due_at) else {
            return;
        };
        if now < due_at {
            return;
        }
        self.due_at = Some(now + EVERY);
        if fast_path.is_waiting() || !is_published {
            return;
        }
        match fast_path.self_test(image, now + LASTS) {
            Ok(News { failed, mended }) => {
                for difference in failed {
                    tracing::error!("ALARM: the fast path does not answer as it should: {difference}");
                }
                for name in mended {
                    tracing::info!("the fast path answers as it should again: {name}");
                }
                self.failure = None;
            }
            Err(error) => {
                let cause = format!("{error:#}");
                if self.failure.as_ref() != Some(&cause) {
                    tracing::error!("the self-test cannot run: {cause}");
                }
                self.failure = Some(cause);
            }
        }
    }

    /// For `status`.
    pub(super) fn notes(&self, fast_path: &FastPath) -> Vec<String> {
        let failing = fast_path.findings().failing().take(SHOWN);
        let failing =
            failing.map(|told| format!("ALARM: the fast path does not answer as it should: {told}"));
        let failure = self.failure.iter().map(|cause| format!("the self-test cannot run: {cause}"));
        failing.chain(failure).collect()
    }
}
