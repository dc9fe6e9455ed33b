//! The time that an exchange with a server has, and why it may end before it is done.

use std::{io, time::Duration};

use tokio::time::{Instant, timeout_at};

use crate::socket::{cause, is_own_fault};

/// Why an exchange ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// This host's own fault, which says nothing about the server.
    Own(io::Error),
    /// The server's, in words.
    Server(String),
}

pub(crate) struct Deadline {
    started: Instant,
    timeout: Duration,
}

impl Deadline {
    pub(crate) fn starts_now(timeout: Duration) -> Self {
        Self { started: Instant::now(), timeout }
    }

    /// Takes one step within the time that is left; `doing` is what a timeout is told with: "while connecting".
    pub(crate) async fn step<T>(
        &self,
        doing: &str,
        step: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let ended = timeout_at(self.started + self.timeout, step).await;
        ended.unwrap_or_else(|_elapsed| Err(Failure::Server(format!("{} {doing}", timed_out(self.timeout)))))
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Failure {
    /// What a call on a socket to the server failed with.
    pub(crate) fn of_socket(error: io::Error) -> Self {
        if is_own_fault(&error) { Self::Own(error) } else { Self::Server(cause(&error)) }
    }
}

/// For people: "timed out after 500ms".
pub(crate) fn timed_out(timeout: Duration) -> String {
    format!("timed out after {}", humantime::format_duration(timeout))
}
