//! One thread that asks: at a steady rate, or as fast as it can.

use std::{
    fmt,
    io::{IoSlice, IoSliceMut},
    net::UdpSocket,
    os::fd::{AsFd as _, AsRawFd as _},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, ppoll},
    sys::prctl::set_timerslack,
    sys::socket::{
        ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg, setsockopt,
        sockopt::RcvBufForce,
    },
    time::ClockId,
};

use super::NAME;
use crate::vectors::message::Message;

/// Messages of one system call.
const BATCH: usize = 32;
const RECEIVE_BUFFER: usize = 8 << 20;
const LONGEST: usize = 512;
/// Of the identifier, which says when a query was sent.
const IDENTIFIERS: usize = 1 << 16;
/// How long answers are waited for in the end.
const LATE: Duration = Duration::from_millis(50);

/// A socket that is connected to whoever answers.
pub(super) struct Load<'s> {
    socket: &'s UdpSocket,
    /// Queries, and memory for answers: as many as one system call sends and receives.
    queries: Vec<Vec<u8>>,
    answers: Vec<[u8; LONGEST]>,
    /// When the query with that identifier was due, until its answer comes.
    due: Vec<Option<Instant>>,
    next: u16,
}

/// Of those that were answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latencies {
    /// Of all queries.
    pub answered: f64,
    pub p50: Duration,
    pub p90: Duration,
    pub p99: Duration,
    pub p999: Duration,
}

/// What became of a flood.
pub(super) struct Flood {
    pub(super) sent: u64,
    pub(super) answered: u64,
    pub(super) time: Duration,
    /// Of this thread.
    pub(super) processor_time: Duration,
}

impl<'s> Load<'s> {
    pub(super) fn new(socket: &'s UdpSocket) -> Result<Self> {
        setsockopt(socket, RcvBufForce, &RECEIVE_BUFFER).context("enlarging the receive buffer")?;
        let query = Message { qname: NAME.into(), ..Message::default() }.build()?;
        Ok(Self {
            socket,
            queries: vec![query; BATCH],
            answers: vec![[0; LONGEST]; BATCH],
            due: vec![None; IDENTIFIERS],
            next: 0,
        })
    }

    /// So many queries per second, whether answers come or not. Latencies are from the moment at which a query was due.
    pub(super) fn steadily(&mut self, rate: u32, time: Duration) -> Result<Latencies> {
        set_timerslack(1).context("waking up in time")?;
        let start = Instant::now();
        let mut latencies = Vec::new();
        let mut sent = 0_u32;
        while start.elapsed() < time + LATE {
            let elapsed = start.elapsed().min(time);
            let due = (elapsed.as_secs_f64() * f64::from(rate)) as u32;
            let batch = (due - sent).min(BATCH as u32);
            if batch > 0 {
                let at: Vec<Instant> = (sent..sent + batch)
                    .map(|number| start + Duration::from_secs(1) * number / rate)
                    .collect();
                sent += self.send(&at)? as u32;
            }
            self.receive(&mut latencies)?;
            let next = start + Duration::from_secs(1) * (sent + 1) / rate;
            self.wait(next.saturating_duration_since(Instant::now()).min(LATE))?;
        }
        ensure!(!latencies.is_empty(), "none of {sent} queries was answered");
        latencies.sort_unstable();
        let part = |part: f64| latencies[(part * (latencies.len() - 1) as f64) as usize];
        let answered = latencies.len() as f64 / f64::from(sent);
        Ok(Latencies { answered, p50: part(0.5), p90: part(0.9), p99: part(0.99), p999: part(0.999) })
    }

    /// As many as this thread can send, taking in what is there between two batches.
    pub(super) fn flood(&mut self, time: Duration) -> Result<Flood> {
        let (start, before) = (Instant::now(), processor_time()?);
        let mut latencies = Vec::new();
        let (mut sent, mut answered) = (0, 0);
        while start.elapsed() < time {
            sent += self.send(&[Instant::now(); BATCH])? as u64;
            answered += self.receive(&mut latencies)?;
            latencies.clear();
        }
        let (lasted, processor_time) = (start.elapsed(), processor_time()? - before);
        let until = Instant::now() + LATE;
        while Instant::now() < until {
            answered += self.receive(&mut latencies)?;
        }
        ensure!(answered > 0, "nothing was answered");
        Ok(Flood { sent, answered, time: lasted, processor_time })
    }

    /// Returns how many were sent.
    fn send(&mut self, due: &[Instant]) -> Result<usize> {
        let queries = &mut self.queries[..due.len()];
        for (index, query) in (0..).zip(&mut *queries) {
            query[..2].copy_from_slice(&self.next.wrapping_add(index).to_be_bytes());
        }
        let slices: Vec<[IoSlice<'_>; 1]> = queries.iter().map(|query| [IoSlice::new(query)]).collect();
        let mut headers = MultiHeaders::<SockaddrIn>::preallocate(due.len(), None);
        let none: [ControlMessage<'_>; 0] = [];
        let addresses = vec![None; due.len()];
        let sent =
            sendmmsg(self.socket.as_raw_fd(), &mut headers, &slices, addresses, none, MsgFlags::empty());
        let sent = match sent {
            Ok(sent) => sent.count(),
            // A queue is full.
            Err(Errno::ENOBUFS | Errno::EAGAIN | Errno::ECONNREFUSED) => 0,
            Err(error) => return Err(error).context("sending queries"),
        };
        for due in &due[..sent] {
            self.due[usize::from(self.next)] = Some(*due);
            self.next = self.next.wrapping_add(1);
        }
        Ok(sent)
    }

    /// Until there is an answer, and no longer than that.
    fn wait(&self, at_most: Duration) -> Result<()> {
        let mut answers = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        ppoll(&mut answers, Some(at_most.into()), None).context("waiting for answers").map(drop)
    }

    /// Takes in what is there; returns how many answers that were.
    fn receive(&mut self, latencies: &mut Vec<Duration>) -> Result<u64> {
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            self.answers.iter_mut().map(|answer| [IoSliceMut::new(answer)]).collect();
        let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
        let received =
            recvmmsg(self.socket.as_raw_fd(), &mut headers, &mut slices, MsgFlags::MSG_DONTWAIT, None);
        let lengths: Vec<usize> = match received {
            Ok(received) => received.map(|message| message.bytes).collect(),
            Err(Errno::EAGAIN | Errno::ECONNREFUSED) => return Ok(0),
            Err(error) => return Err(error).context("receiving answers"),
        };
        let now = Instant::now();
        let mut answered = 0;
        for (answer, length) in self.answers.iter().zip(lengths) {
            // Without an error and with records.
            ensure!(length > 12 && answer[3] & 0xf == 0 && answer[7] > 0, "{:02x?}", &answer[..length]);
            let identifier = u16::from_be_bytes([answer[0], answer[1]]);
            if let Some(due) = self.due[usize::from(identifier)].take() {
                latencies.push(now.saturating_duration_since(due));
                answered += 1;
            }
        }
        Ok(answered)
    }
}

/// In microseconds, and the share that was not lost where that is not all.
impl fmt::Display for Latencies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [self.p50, self.p90, self.p99, self.p999];
        let parts = parts.map(|part| format!("{:.1}", part.as_secs_f64() * 1e6));
        let lost =
            if self.answered < 1.0 { format!(" of {:.1} %", 100.0 * self.answered) } else { String::new() };
        formatter.pad(&format!("{}{lost}", parts.join(" / ")))
    }
}

fn processor_time() -> Result<Duration> {
    ClockId::CLOCK_THREAD_CPUTIME_ID.now().map(Into::into).context("reading the thread's processor time")
}
