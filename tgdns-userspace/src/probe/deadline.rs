//! The time that one probe has, and what it comes to.

use std::io;

use tokio::net::TcpStream;

use super::{Destination, connect::connect};
pub(super) use crate::deadline::{Deadline, Failure};
use crate::health::{Outcome, Report};

impl Deadline {
    pub(super) async fn connect(&self, destination: &Destination) -> Result<TcpStream, Failure> {
        let connection = async { connect(destination).await.map_err(Failure::Own)?.map_err(Failure::Server) };
        self.step("while connecting", connection).await
    }

    /// What the probe comes to: it proved the server well and has perhaps something to warn of, or it failed.
    pub(super) fn judge(&self, result: Result<Option<String>, Failure>) -> io::Result<Outcome> {
        match result {
            Ok(warning) => {
                let report = Report { warning, ..Report::default() };
                Ok(Outcome::Success { took: self.elapsed(), report })
            }
            Err(Failure::Server(cause)) => Ok(Outcome::failure(cause)),
            Err(Failure::Own(error)) => Err(error),
        }
    }
}
