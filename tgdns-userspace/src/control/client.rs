//! The other end of the control socket, for the commands that ask a running controller.

use std::{
    io::{self, BufRead as _, BufReader, ErrorKind, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Request;

const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the controller that listens at `path`. Blocks, for five seconds at most.
pub fn call<Answer: DeserializeOwned>(path: &Path, request: &Request) -> Result<Answer> {
    let mut reply = exchange(path, request, PATIENCE)?;
    if let Some(error) = reply.get("error").and_then(Value::as_str) {
        bail!(error.to_owned());
    }
    let not_ours = || not_ours(path);
    serde_json::from_value(reply.get_mut("ok").with_context(not_ours)?.take()).with_context(not_ours)
}

/// One request and its whole reply: an object with `ok` or `error`. Blocks, so long at most.
///
/// # Errors
/// Nobody answers, or not in time. A change may have been made, or be made yet, even so.
pub fn exchange(path: &Path, request: &Request, patience: Duration) -> Result<Value> {
    let shown = path.display();
    let mut stream = UnixStream::connect(path).map_err(|error| cannot_connect(error, path))?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    stream.write_all(line.as_bytes()).with_context(|| format!("cannot ask tgdns run at {shown}"))?;
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply).with_context(|| no_reply(path, request, patience))?;
    serde_json::from_str(&reply).with_context(|| not_ours(path))
}

fn no_reply(path: &Path, request: &Request, patience: Duration) -> String {
    let none = format!("no reply from tgdns run at {} within {} s", path.display(), patience.as_secs());
    match request {
        Request::Status {} | Request::History {} | Request::Stats {} => none,
        Request::Admin(_) | Request::Reload {} => {
            format!("{none}: the change may take effect even so, see `tgdns status` and the log")
        }
    }
}

fn not_ours(path: &Path) -> String {
    format!("what answers at {} is no tgdns run of this version", path.display())
}

fn cannot_connect(error: io::Error, path: &Path) -> anyhow::Error {
    let (kind, shown) = (error.kind(), path.display());
    if matches!(kind, ErrorKind::NotFound | ErrorKind::ConnectionRefused) {
        anyhow!(
            "no tgdns run answers at {shown}: start one with `tgdns run`, or name its socket with --control"
        )
    } else if kind == ErrorKind::PermissionDenied {
        anyhow!("not allowed to connect to {shown}: run as root, or as a member of the socket's group")
    } else {
        anyhow!(error).context(format!("cannot connect to {shown}"))
    }
}
