//! The control socket: one request object per line in, one reply object per line out.
//!
//! `{"command":"status"}` gives `{"ok":…}` or `{"error":"…"}`. Each client is a task of its own with time limits, so
//! that a slow one holds up nobody, and all of them are on a thread of their own; only whole requests reach the controller's
//! loop.

use std::{os::unix::net::UnixListener, path::Path, sync::Arc};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::oneshot;

pub mod client;
mod places;
mod server;
mod socket;

pub use server::Server;
pub use socket::{SocketFile, group_problem, set_access};

use crate::{
    config::{ConfigError, ConfigErrors},
    controller::administration::Wish,
};

/// What a client is told whose request is not answered any more.
pub(crate) const STOPPING: &str = "tgdns run is stopping";

/// What a client may ask of a running controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// The reply is a `status::Status`.
    Status {},
    /// The reply is a `history::History`.
    History {},
    /// The reply is a `stats::Told`.
    Stats {},
    /// The reply is a `reload::Changes`, once it is published; with an error come the mistakes of the file.
    Reload {},
    /// The reply comes once it is saved and published: `{"servers":[…],"state":…,"until":…}`.
    Admin(Wish),
}

/// A request on its way to the loop, with the way back.
#[derive(Debug)]
pub struct Call {
    pub request: Request,
    pub reply: Replier,
}

/// The way back. A client that has gone is no error.
pub type Replier = oneshot::Sender<Result<Reply>>;

/// What a client is told: its line, the end included. Copies share it.
#[derive(Clone, Debug)]
pub struct Reply(Arc<Vec<u8>>);

impl Reply {
    /// `{"ok":…}`.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn ok(told: &impl Serialize) -> Result<Self> {
        let mut line = b"{\"ok\":".to_vec();
        serde_json::to_writer(&mut line, told).context("the reply cannot be written as JSON")?;
        line.extend_from_slice(b"}\n");
        Ok(Self(Arc::new(line)))
    }

    #[cfg(test)]
    pub(crate) fn object(&self) -> Value {
        serde_json::from_slice(&self.0).unwrap_or_default()
    }

    #[cfg(test)]
    pub(crate) fn shares_line_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// `{"error":"…"}`, with the mistakes of the configuration file where that is what it is.
    fn error(error: &anyhow::Error) -> Self {
        let text = format!("{error:#}");
        let told = match error.downcast_ref::<ConfigErrors>() {
            None => json!({ "error": text }),
            Some(mistakes) => {
                let mistake = |mistake: &ConfigError| json!({ "line": mistake.line, "column": mistake.column, "message": mistake.message });
                let listed: Vec<Value> = mistakes.errors.iter().map(mistake).collect();
                json!({ "error": text, "file": mistakes.file_name, "mistakes": listed })
            }
        };
        Self(Arc::new(format!("{told}\n").into_bytes()))
    }
}

/// Takes over the path and listens there; the socket's file goes when the second value is dropped.
///
/// Refuses a path where another controller answers, and replaces what a dead one left. The members of the group may ask,
/// too.
pub fn listen(path: &Path, group: Option<&str>) -> Result<(UnixListener, SocketFile)> {
    socket::bind(path, group)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
