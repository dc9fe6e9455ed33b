//! Why a hook has not heard of a fact.

use crate::cluster::Hook;

/// For people.
#[derive(Debug)]
pub(super) enum Untold {
    /// It was tried, and may not have been heard.
    Failed(String),
    /// It was not, as somebody else could change what would be run.
    Refused(String),
}

/// Why a hook is not run, where it is not, as it was told of.
#[derive(Debug, Default)]
pub(super) struct Refusal(Option<String>);

impl Refusal {
    /// Logs it when it changes or ends, which each fact's line would say no better.
    pub(super) fn follow(&mut self, hook: &Hook, outcome: &Result<(), Untold>) {
        let cause = match outcome {
            Err(Untold::Refused(cause)) => Some(cause),
            Ok(()) | Err(Untold::Failed(_)) => None,
        };
        if cause == self.0.as_ref() {
            return;
        }
        match cause {
            Some(cause) => {
                tracing::warn!(hook = %hook.call, cause, "a hook is not run, and what it was to be told is dropped");
            }
            None => tracing::info!(hook = %hook.call, "a hook is run again"),
        }
        self.0 = cause.cloned();
    }
}
