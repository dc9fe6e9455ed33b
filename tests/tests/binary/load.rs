//! Queries as fast as they are answered, each of which has to be.

use std::{
    collections::BTreeSet,
    fmt,
    io::ErrorKind,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::{
    host::{Host, IPV4, LIVE, NAME},
    question::PATIENCE,
};

/// Under way at once; less than a veth's ring holds.
const WINDOW: u16 = 32;
/// An address record whose name is a pointer.
const RECORD: usize = 16;

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

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self { sent, slowest, .. }, lost) = (self, self.lost());
        write!(formatter, "{sent} queries sent, {lost} lost, the slowest answered after {slowest:?}")
    }
}

/// Does so many pieces of work, each with its number, while a client asks for the cluster's name from start to end and sends so
/// many queries at least. Each answer has to have the live servers' addresses, and no query may be lost.
pub(crate) fn meanwhile<T>(
    host: &mut Host,
    pieces: u32,
    queries: u64,
    mut work: impl FnMut(&mut Host, u32) -> Result<T>,
) -> Result<(Tally, Vec<T>)> {
    let socket = host.far.enter(|| UdpSocket::bind("10.10.10.10:0"))??;
    socket.connect(SocketAddr::new(IPV4, 53))?;
    let is_over = AtomicBool::new(false);
    let (tally, done) = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let go_on = |tally: &Tally| !is_over.load(Ordering::Relaxed) || tally.sent < queries;
            ask(&socket, go_on)
        });
        let done = {
            // Whatever fails, the client ends.
            let _end = End(&is_over);
            let done = (0..pieces).map(|number| {
                ensure!(!asking.is_finished(), "the client has given up");
                work(host, number)
            });
            done.collect::<Result<Vec<T>>>()
        };
        let tally = asking.join().map_err(|_| anyhow!("the client has panicked"))?;
        anyhow::Ok((tally?, done?))
    })
    .with_context(|| host.log())?;
    ensure!(tally.lost() == 0, "{tally}\n{}", host.log());
    Ok((tally, done))
}

/// Sets what it has when it is dropped.
struct End<'e>(&'e AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Asks for as long as it is told to go on.
fn ask(socket: &UdpSocket, go_on: impl Fn(&Tally) -> bool) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut query = query();
    let mut next: u16 = 0;
    let live: BTreeSet<IpAddr> = LIVE.iter().map(|address| address.parse()).collect::<Result<_, _>>()?;
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
            let answer = buffer.get(..length).unwrap_or_default();
            let (identifier, told) = answer.split_first_chunk::<2>().context("a short answer")?;
            if under_way.remove(&u16::from_be_bytes(*identifier)) {
                ensure!(addresses(told, query.len() - 2) == Some(live.clone()), "another answer: {told:x?}");
                tally.answered += 1;
            }
        }
        tally.slowest = tally.slowest.max(start.elapsed());
    }
    Ok(tally)
}

/// What an answer without its identifier hands out, the records of which begin there; nothing where it is no plain answer of these.
fn addresses(answer: &[u8], begin: usize) -> Option<BTreeSet<IpAddr>> {
    let (head, _) = answer.split_first_chunk::<6>()?;
    let [0x85, 0x00, 0, 1, high, low] = *head else { return None };
    let records = answer.get(begin..)?.chunks(RECORD);
    let count = records.len();
    // The name again, A, IN, whichever TTL, four bytes.
    let address = |record: &[u8]| match *record {
        [0xc0, 12, 0, 1, 0, 1, _, _, _, _, 0, 4, a, b, c, d] => Some(IpAddr::from([a, b, c, d])),
        _ => None,
    };
    let addresses: BTreeSet<IpAddr> = records.map(address).collect::<Option<_>>()?;
    (count == usize::from(u16::from_be_bytes([high, low])) && count == addresses.len()).then_some(addresses)
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
