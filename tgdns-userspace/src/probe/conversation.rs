//! What a server says over a connection, up to a bound in bytes and time.

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Destination, connect::connect};
use crate::{
    deadline::timed_out,
    socket::{cause, is_own_fault},
};

/// More is not listened to.
const MOST: usize = 4096;

/// How it ended, with all that was said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Enough(Vec<u8>),
    Closed(Vec<u8>),
    TooMuch(Vec<u8>),
    TooLate(Vec<u8>),
    /// There was no connection, or it broke: why, for people.
    Nothing(String),
}

/// Connects, says something, and listens until it is enough. An error is this host's own fault.
pub(super) async fn converse(
    destination: &Destination,
    timeout: Duration,
    send: &[u8],
    is_enough: impl Fn(&[u8]) -> bool,
) -> io::Result<Heard> {
    let started = Instant::now();
    let Ok(connection) = tokio::time::timeout(timeout, connect(destination)).await else {
        return Ok(Heard::Nothing(timed_out(timeout)));
    };
    let mut stream = match connection? {
        Ok(stream) => stream,
        Err(cause) => return Ok(Heard::Nothing(cause)),
    };
    let mut said = Vec::new();
    let left = timeout.saturating_sub(started.elapsed());
    let talk = talk(&mut stream, send, &mut said, is_enough);
    match tokio::time::timeout(left, talk).await {
        Err(_elapsed) => Ok(Heard::TooLate(said)),
        Ok(Ok(End::Enough)) => Ok(Heard::Enough(said)),
        Ok(Ok(End::Closed)) => Ok(Heard::Closed(said)),
        Ok(Ok(End::TooMuch)) => Ok(Heard::TooMuch(said)),
        Ok(Err(error)) if is_own_fault(&error) => Err(error),
        Ok(Err(error)) => Ok(Heard::Nothing(cause(&error))),
    }
}

enum End {
    Enough,
    Closed,
    TooMuch,
}

async fn talk(
    stream: &mut TcpStream,
    send: &[u8],
    said: &mut Vec<u8>,
    is_enough: impl Fn(&[u8]) -> bool,
) -> io::Result<End> {
    stream.write_all(send).await?;
    if is_enough(said) {
        return Ok(End::Enough);
    }
    let mut buffer = [0; 512];
    while said.len() < MOST {
        match stream.read(&mut buffer).await? {
            0 => return Ok(End::Closed),
            length => said.extend_from_slice(&buffer[..length]),
        }
        if is_enough(said) {
            return Ok(End::Enough);
        }
    }
    Ok(End::TooMuch)
}

impl Heard {
    /// What was said to the end, be it the server's or ours.
    pub(super) fn said(&self) -> Option<&[u8]> {
        match self {
            Self::Enough(said) | Self::Closed(said) => Some(said),
            Self::TooMuch(_) | Self::TooLate(_) | Self::Nothing(_) => None,
        }
    }

    /// Why it is not what was wanted, for people.
    pub(super) fn cause(self, timeout: Duration) -> String {
        let timeout = humantime::format_duration(timeout);
        match self {
            Self::Enough(said) => format!("it says {}", quoted(&said)),
            Self::Closed(said) if said.is_empty() => {
                "it takes the connection and closes it without a word".to_owned()
            }
            Self::Closed(said) => format!("it closes the connection after saying {}", quoted(&said)),
            Self::TooMuch(said) => format!("it says {} and more than {MOST} bytes", quoted(&said)),
            Self::TooLate(said) if said.is_empty() => {
                format!("it takes the connection and says nothing within {timeout}")
            }
            Self::TooLate(said) => format!("it says only {} within {timeout}", quoted(&said)),
            Self::Nothing(cause) => cause,
        }
    }
}

/// The beginning of what was said, as the configuration would write it.
pub(super) fn quoted(said: &[u8]) -> String {
    const MOST_SHOWN: usize = 40;
    let shown = said.get(..MOST_SHOWN).unwrap_or(said).escape_ascii();
    let more = if said.len() > MOST_SHOWN { "…" } else { "" };
    format!("\"{shown}{more}\"")
}
