//! A DNS client of its own, so that what `tgdns` writes is read by code that shares nothing with it.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

const HEADER: usize = 12;
const CLASS_IN: u16 = 1;
pub const TYPE_A: u16 = 1;
pub const TYPE_AAAA: u16 = 28;
const TYPE_OPT: u16 = 41;
const FLAG_RESPONSE: u16 = 0x8000;
const FLAG_AUTHORITATIVE: u16 = 0x0400;
const FLAG_TRUNCATED: u16 = 0x0200;
const FLAG_RECURSION_DESIRED: u16 = 0x0100;
const RCODE: u16 = 0x000f;

/// What came back for a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub rcode: u16,
    pub authoritative: bool,
    pub truncated: bool,
    /// The question's name as it came back.
    pub name: String,
    pub addresses: Vec<Ipv4Addr>,
    /// Seconds, one for each address.
    pub ttls: Vec<u32>,
    /// The payload size of the OPT record, if there is one.
    pub edns_size: Option<u16>,
}

/// Asks for the addresses of a name, with EDNS. `None` where nothing came back in time.
pub fn ask(socket: &UdpSocket, server: SocketAddr, name: &str, at_most: Duration) -> Result<Option<Answer>> {
    ask_for(socket, server, name, TYPE_A, at_most)
}

/// As [`ask`], for records of another type.
pub fn ask_for(
    socket: &UdpSocket,
    server: SocketAddr,
    name: &str,
    kind: u16,
    at_most: Duration,
) -> Result<Option<Answer>> {
    ask_again(socket, server, next_identifier(), name, kind, at_most)
}

/// Sends so many queries as fast as it can, and reads no answer.
pub fn flood(socket: &UdpSocket, server: SocketAddr, name: &str, count: u32) -> Result<()> {
    let query = query(next_identifier(), name, TYPE_A);
    for _ in 0..count {
        match socket.send_to(&query, server) {
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
            sent => drop(sent.with_context(|| format!("flooding {server}"))?),
        }
    }
    Ok(())
}

/// As [`ask_for`], and sends the very same query once more each time that nothing has come back.
pub fn ask_patiently(
    socket: &UdpSocket,
    server: SocketAddr,
    name: &str,
    kind: u16,
    patience: &[Duration],
) -> Result<Option<Answer>> {
    let identifier = next_identifier();
    for at_most in patience {
        if let Some(answer) = ask_again(socket, server, identifier, name, kind, *at_most)? {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}

fn ask_again(
    socket: &UdpSocket,
    server: SocketAddr,
    identifier: u16,
    name: &str,
    kind: u16,
    at_most: Duration,
) -> Result<Option<Answer>> {
    socket.send_to(&query(identifier, name, kind), server).with_context(|| format!("asking {server}"))?;
    socket.set_read_timeout(Some(at_most)).context("setting a timeout")?;
    let mut buffer = [0; 1500];
    loop {
        let (length, from) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(None);
            }
            Err(error) => return Err(error).context("waiting for an answer"),
        };
        let message = buffer.get(..length).unwrap_or_default();
        // The late answer to an earlier question is not this one's.
        if from == server && message.starts_with(&identifier.to_be_bytes()) {
            return read(message)
                .with_context(|| format!("the answer of {server}: {message:02x?}"))
                .map(Some);
        }
    }
}

/// Asks over a fresh TCP connection.
pub fn ask_over_tcp(mut connection: TcpStream, name: &str, kind: u16, at_most: Duration) -> Result<Answer> {
    connection.set_read_timeout(Some(at_most)).context("setting a timeout")?;
    let query = query(next_identifier(), name, kind);
    let length = u16::try_from(query.len()).context("a long query")?;
    connection.write_all(&[&length.to_be_bytes(), query.as_slice()].concat()).context("asking over TCP")?;
    let mut length = [0; 2];
    connection.read_exact(&mut length).context("waiting for an answer over TCP")?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    connection.read_exact(&mut message).context("reading an answer over TCP")?;
    ensure!(message.starts_with(query.get(..2).unwrap_or_default()), "the answer is another query's");
    read(&message)
}

/// The reply to a query that says no more than that the answer is too long; `None` where it is no query.
pub fn truncated(query: &[u8]) -> Option<Vec<u8>> {
    let flags = word(query, 2).ok()?;
    let (_, end) = name(query, HEADER).ok()?;
    if flags & FLAG_RESPONSE != 0 || word(query, 4).ok()? != 1 {
        return None;
    }
    let has_options = query.get(end + 4..end + 7) == Some(&[0, 0, 41]);
    let flags = FLAG_RESPONSE | FLAG_AUTHORITATIVE | FLAG_TRUNCATED | flags & FLAG_RECURSION_DESIRED;
    let mut reply = query.get(..2)?.to_vec();
    for word in [flags, 1, 0, 0, u16::from(has_options)] {
        reply.extend(word.to_be_bytes());
    }
    reply.extend(query.get(HEADER..end + 4)?);
    if has_options {
        // Owner root, OPT, payload size; the flags are the asker's, and there are no options.
        reply.extend([&[0, 0, 41, 4, 208, 0, 0][..], query.get(end + 11..end + 13)?, &[0, 0]].concat());
    }
    Some(reply)
}

fn next_identifier() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static LAST: AtomicU16 = AtomicU16::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}

fn query(identifier: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut message = Vec::new();
    // One question and one additional record.
    for word in [identifier, FLAG_RECURSION_DESIRED, 1, 0, 0, 1] {
        message.extend(word.to_be_bytes());
    }
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
        message.extend(label.bytes());
    }
    message.push(0);
    message.extend([kind.to_be_bytes(), CLASS_IN.to_be_bytes()].concat());
    // Owner root, OPT, payload size, no flags, no options.
    message.push(0);
    message.extend([TYPE_OPT.to_be_bytes(), 1232_u16.to_be_bytes()].concat());
    message.extend([0; 6]);
    message
}

fn read(message: &[u8]) -> Result<Answer> {
    let flags = word(message, 2)?;
    ensure!(flags & FLAG_RESPONSE != 0, "it is no response");
    ensure!(word(message, 4)? == 1, "it has not one question");
    let (name, mut at) = name(message, HEADER)?;
    at += 4;

    let mut answer = Answer {
        rcode: flags & RCODE,
        authoritative: flags & FLAG_AUTHORITATIVE != 0,
        truncated: flags & FLAG_TRUNCATED != 0,
        name,
        addresses: Vec::new(),
        ttls: Vec::new(),
        edns_size: None,
    };
    let records = word(message, 6)? + word(message, 8)? + word(message, 10)?;
    for _ in 0..records {
        let record = skip_name(message, at)?;
        let kind = word(message, record)?;
        let length = usize::from(word(message, record + 8)?);
        at = record + 10 + length;
        let data = message.get(record + 10..at).context("a record is cut off")?;
        if kind == TYPE_OPT {
            answer.edns_size = Some(word(message, record + 2)?);
        } else if kind == TYPE_A {
            let octets: [u8; 4] = data.try_into().context("an A record has not four bytes")?;
            answer.addresses.push(octets.into());
            let ttl = message.get(record + 4..record + 8).and_then(|bytes| bytes.try_into().ok());
            answer.ttls.push(u32::from_be_bytes(ttl.context("a record has no TTL")?));
        }
    }
    ensure!(at == message.len(), "{} bytes follow the last record", message.len() - at);
    Ok(answer)
}

/// An uncompressed name and where it ends.
fn name(message: &[u8], mut at: usize) -> Result<(String, usize)> {
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*message.get(at).context("a name is cut off")?);
        at += 1;
        if length == 0 {
            return Ok((labels.join("."), at));
        }
        let label = message.get(at..at + length).context("a label is cut off")?;
        labels.push(String::from_utf8_lossy(label).into_owned());
        at += length;
    }
}

/// Where the name at `at` ends.
fn skip_name(message: &[u8], mut at: usize) -> Result<usize> {
    loop {
        match *message.get(at).context("a name is cut off")? {
            0 => return Ok(at + 1),
            pointer if pointer >= 0xc0 => return Ok(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

fn word(message: &[u8], at: usize) -> Result<u16> {
    let bytes = message.get(at..at + 2).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u16::from_be_bytes).with_context(|| format!("it ends before byte {at}"))
}
