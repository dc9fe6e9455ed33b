//! The time that one probe has, and how it ends before it has a proof.

use std::{io, time::Duration};

use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::{
    Destination,
    connect::{cause, connect, is_own_fault, timed_out},
};
use crate::health::{Outcome, Report};

/// Why a probe ended without a proof.
#[derive(Debug)]
pub(super) enum Failure {
    /// This host's own fault, which says nothing about the server.
    Own(io::Error),
    /// The server's, in words.
    Server(String),
}

pub(super) struct Deadline {
    started: Instant,
    timeout: Duration,
}

impl Deadline {
    pub(super) fn starts_now(timeout: Duration) -> Self {
        Self { started: Instant::now(), timeout }
    }

    /// Takes one step within the time that is left; `doing` is what a timeout is told with: "while connecting".
    pub(super) async fn step<T>(
        &self,
        doing: &str,
        step: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let ended = timeout_at(self.started + self.timeout, step).await;
        ended.unwrap_or_else(|_elapsed| Err(Failure::Server(format!("{} {doing}", timed_out(self.timeout)))))
    }

    pub(super) async fn connect(&self, destination: &Destination) -> Result<TcpStream, Failure> {
        let connection = async { connect(destination).await.map_err(Failure::Own)?.map_err(Failure::Server) };
        self.step("while connecting", connection).await
    }

    /// What the probe comes to: it proved the server well and has perhaps something to warn of, or it failed.
    pub(super) fn judge(&self, result: Result<Option<String>, Failure>) -> io::Result<Outcome> {
        match result {
            Ok(warning) => {
                let report = Report { warning, ..Report::default() };
                Ok(Outcome::Success { took: self.started.elapsed(), report })
            }
            Err(Failure::Server(cause)) => Ok(Outcome::failure(cause)),
            Err(Failure::Own(error)) => Err(error),
        }
    }
}

impl Failure {
    /// What a call on a socket to the server failed with.
    pub(super) fn of_socket(error: io::Error) -> Self {
        if is_own_fault(&error) { Self::Own(error) } else { Self::Server(cause(&error)) }
    }
}
