//! Queries as fast as they are answered, each of which has to be.

use std::{
    collections::BTreeSet,
    io::ErrorKind,
    net::UdpSocket,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::{host::NAME, question::PATIENCE};

/// Under way at once; less than a veth's ring holds.
const WINDOW: u16 = 32;
/// Identifier, flags, and the numbers of questions and answers.
const HEAD: usize = 8;

/// What became of the queries.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    /// The longest time until one of them was answered.
    pub(crate) slowest: Duration,
}

impl Tally {
    pub(crate) fn lost(&self) -> u64 {
        self.sent - self.answered
    }
}

/// Asks for the cluster's name from a connected socket for as long as it is told to go on; each answer has to have so many
/// addresses.
pub(crate) fn ask(socket: &UdpSocket, addresses: u16, go_on: impl Fn(&Tally) -> bool) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut query = query();
    let mut next: u16 = 0;
    let right = [0x85, 0x00, 0, 1, addresses.to_be_bytes()[0], addresses.to_be_bytes()[1]];
    while go_on(&tally) {
        let start = Instant::now();
        let mut under_way = BTreeSet::new();
        for _ in 0..WINDOW {
            next = next.wrapping_add(1);
            query[..2].copy_from_slice(&next.to_be_bytes());
            socket.send(&query).context("asking")?;
            under_way.insert(next);
        }
        tally.sent += u64::from(WINDOW);
        let mut buffer = [0; 1500];
        while !under_way.is_empty() {
            let left = PATIENCE.saturating_sub(start.elapsed());
            if left.is_zero() {
                break;
            }
            socket.set_read_timeout(Some(left))?;
            let length = match socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
                Err(error) => return Err(error).context("waiting for an answer"),
            };
            let answer = buffer.get(..length.min(HEAD)).unwrap_or_default();
            let (identifier, told) = answer.split_first_chunk::<2>().context("a short answer")?;
            if under_way.remove(&u16::from_be_bytes(*identifier)) {
                ensure!(told == right, "another answer: {told:x?}");
                tally.answered += 1;
            }
        }
        tally.slowest = tally.slowest.max(start.elapsed());
    }
    Ok(tally)
}

/// For the addresses of the name, with recursion desired.
fn query() -> Vec<u8> {
    let mut query = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in NAME.split('.') {
        query.push(label.len() as u8);
        query.extend_from_slice(label.as_bytes());
    }
    query.extend_from_slice(&[0, 0, 1, 0, 1]);
    query
}
