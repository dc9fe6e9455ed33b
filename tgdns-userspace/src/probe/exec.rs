//! How does a command of this host end?
//!
//! What it prints is listened to, up to a bound.

use std::{
    io::{self, ErrorKind},
    os::{fd::OwnedFd, unix::process::ExitStatusExt as _},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use tokio::net::unix::pipe;

use super::{Destination, conversation::quoted, words::Said};
use crate::{
    child::{self, Hung, Output},
    cluster::Exec,
    health::Outcome,
};

/// Bytes of output; a command that writes more has lost its way.
const MOST_OUTPUT: usize = 65_536;
/// Bytes of the first line.
const LONGEST_LINE: usize = 200;

/// Runs the command. An error is this host's own fault: the command is not there, or cannot be run, or somebody else could
/// change it, or too many of those before it hang.
pub(super) async fn probe(
    kind: &Exec,
    destination: &Destination,
    timeout: Duration,
    hung: &Hung,
) -> io::Result<Outcome> {
    let started = Instant::now();
    let (reader, writer) = io::pipe()?;
    let mut output = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
    let output_of = Output::Kept(writer);
    let not_run = |error: io::Error| {
        let program = kind.command.first().map_or("", String::as_str);
        io::Error::new(error.kind(), format!("cannot run {program}: {error}"))
    };
    let started_child = child::start(&kind.command, environment(destination), Stdio::null(), output_of, hung);
    let mut child = started_child.map_err(not_run)?;
    let mut said = Vec::new();
    let end = tokio::time::timeout(timeout, async {
        tokio::select! {
            biased;
            // It ends only by an error or too much output: what is left open by a child is no reason to wait.
            read = listen(&mut output, &mut said) => read.map(|()| None),
            status = child.ended() => status.map(Some).map_err(not_run),
        }
    })
    .await;
    drop(child);
    let line = |said: &[u8]| first_line(said).map(|line| format!(": {line}")).unwrap_or_default();
    let cause = match end {
        Err(_elapsed) => format!("killed after {}{}", humantime::format_duration(timeout), line(&said)),
        Ok(end) => match end? {
            None => format!("killed after {MOST_OUTPUT} bytes of output{}", line(&said)),
            Some(status) => {
                drain(&output, &mut said);
                if status.success() {
                    let words = Said::read_strictly(&String::from_utf8_lossy(&said)).unwrap_or_default();
                    return Ok(words.into_outcome(started.elapsed()));
                }
                format!("{}{}", told(status), line(&said))
            }
        },
    };
    Ok(Outcome::failure(cause))
}

fn environment(destination: &Destination) -> Vec<(&'static str, String)> {
    let Destination { cluster, server, address, .. } = destination;
    let mut given = vec![
        ("TGDNS_CLUSTER", cluster.clone()),
        ("TGDNS_SERVER", server.clone()),
        ("TGDNS_ADDRESS", address.ip().to_string()),
    ];
    if address.port() != 0 {
        given.push(("TGDNS_PORT", address.port().to_string()));
    }
    given
}

/// Ends well when there is too much.
async fn listen(output: &mut pipe::Receiver, said: &mut Vec<u8>) -> io::Result<()> {
    while said.len() < MOST_OUTPUT {
        output.readable().await?;
        if !take(output, said)? {
            // Nobody has it open any more: the end of the command is what is left to wait for.
            return std::future::pending().await;
        }
    }
    Ok(())
}

/// What a command had written before its end.
fn drain(output: &pipe::Receiver, said: &mut Vec<u8>) {
    while said.len() < MOST_OUTPUT && matches!(take_some(output, said), Ok(1..)) {}
}

/// Reads what is there; false at the end.
fn take(output: &pipe::Receiver, said: &mut Vec<u8>) -> io::Result<bool> {
    match take_some(output, said) {
        Ok(length) => Ok(length > 0),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}

fn take_some(output: &pipe::Receiver, said: &mut Vec<u8>) -> io::Result<usize> {
    let mut buffer = [0; 4096];
    let length = output.try_read(&mut buffer)?;
    said.extend_from_slice(&buffer[..length]);
    Ok(length)
}

fn first_line(said: &[u8]) -> Option<String> {
    let line = said.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).find(|line| !line.is_empty())?;
    let is_plain = line.len() <= LONGEST_LINE && !line.iter().any(u8::is_ascii_control);
    match std::str::from_utf8(line) {
        Ok(text) if is_plain => Some(text.to_owned()),
        _ => Some(quoted(line)),
    }
}

fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

#[cfg(test)]
mod tests;
