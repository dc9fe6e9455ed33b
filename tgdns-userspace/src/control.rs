//! The control socket: one request object per line in, one reply object per line out.
//!
//! `{"command":"status"}` gives `{"ok":…}` or `{"error":"…"}`. Each client is a task of its own with time limits, so
//! that a slow one holds up nobody; only whole requests reach the controller's loop.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use futures_util::future::Abortable;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot},
    time::timeout,
};

pub mod client;
mod places;
mod socket;

pub use socket::{SocketFile, group_problem, set_access};

use places::{Place, Places};

use crate::{
    config::{ConfigError, ConfigErrors},
    controller::administration::Wish,
};

/// A request's line, its end included.
const LONGEST_REQUEST: u64 = 64 * 1024;
const CLIENTS_AT_ONCE: usize = 128;
/// A client that asks nothing, or does not take its reply, for so long is shown out.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait after the kernel refused a connection, for want of descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const STOPPING: &str = "tgdns run is stopping";

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

/// Serves clients for ever, and hands their calls to the loop.
pub async fn serve(listener: UnixListener, calls: mpsc::Sender<Call>) {
    let places = Arc::new(Places::new(CLIENTS_AT_ONCE));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (calls, places) = (calls.clone(), Arc::clone(&places));
                let (mut place, registration) = places.take().await;
                tokio::spawn(Abortable::new(
                    async move {
                        if let Err(error) = converse(stream, &calls, &mut place).await {
                            tracing::debug!("control client: {error:#}");
                        }
                    },
                    registration,
                ));
            }
            Err(error) => {
                tracing::warn!("cannot accept a control client: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(mut stream: UnixStream, calls: &mpsc::Sender<Call>, place: &mut Place) -> Result<()> {
    let (input, mut output) = stream.split();
    let mut input = BufReader::new(input);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut input).take(LONGEST_REQUEST);
        let read =
            timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await.context("asked nothing")??;
        if read == 0 {
            return Ok(());
        }
        place.is_busy();
        let too_long = limited.limit() == 0 && !line.ends_with(b"\n");
        let reply = if too_long {
            Err(anyhow!("the request is longer than {LONGEST_REQUEST} bytes"))
        } else {
            answer(&line, calls).await
        };
        let Reply(line) = reply.unwrap_or_else(|error| Reply::error(&error));
        place.is_idle();
        timeout(PATIENCE, output.write_all(&line)).await.context("did not take the reply")??;
        if too_long {
            return Ok(());
        }
    }
}

async fn answer(line: &[u8], calls: &mpsc::Sender<Call>) -> Result<Reply> {
    let request = serde_json::from_slice(line)
        .context("not a request: ask one per line, {\"command\":\"status\"} or {\"command\":\"stats\"}")?;
    let (reply, answered) = oneshot::channel();
    calls.send(Call { request, reply }).await.ok().context(STOPPING)?;
    answered.await.context(STOPPING)?
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
