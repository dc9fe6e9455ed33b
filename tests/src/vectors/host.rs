//! The host's frame: bytes with room at the head, at the tail, or none.

use bytemuck::Pod;
use tgdns_common::{
    counter::Counters,
    packet::{Packet, TooShort},
    query::Question,
    reason::{Reason, Verdict},
    respond,
    tables::Tables,
};

use super::check::Outcome;

/// A frame within a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFrame {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl HostFrame {
    /// Has that much room before and behind it.
    pub fn new(frame: &[u8], head: usize, tail: usize) -> Self {
        let buffer = [&vec![0xa5; head], frame, &vec![0x5a; tail]].concat();
        Self { buffer, start: head, end: head + frame.len() }
    }

    /// Takes another frame, with that much room before it, and that much for itself and what it grows by. Around it is
    /// what was there before.
    pub fn refill(&mut self, frame: &[u8], head: usize, room: usize) {
        self.buffer.resize(head + room.max(frame.len()), 0x5a);
        (self.start, self.end) = (head, head + frame.len());
        self.buffer[self.start..self.end].copy_from_slice(frame);
    }

    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Runs the responder as the XDP program does, and tells the counter's name.
    pub fn respond(&mut self, tables: &impl Tables) -> (Outcome, &'static str) {
        let mut question = Question::new();
        let before = self.bytes().to_vec();
        match respond::to_frame(self, tables, &mut question) {
            Ok(counter) => (Outcome::Sent(self.bytes().to_vec()), Counters::NAMES[usize::from(counter.0)]),
            Err(reason) => self.unanswered(reason, &before),
        }
    }

    fn unanswered(&self, reason: Reason, before: &[u8]) -> (Outcome, &'static str) {
        let outcome = match reason.verdict() {
            Verdict::Pass => {
                assert_eq!(self.bytes(), before, "a passed frame is as it came ({})", reason.as_str());
                Outcome::Passed(self.bytes().to_vec())
            }
            Verdict::Drop => Outcome::Dropped,
        };
        (outcome, reason.as_str())
    }
}

impl Packet for HostFrame {
    fn length(&self) -> usize {
        self.end - self.start
    }

    fn get<T: Pod>(&self, offset: usize) -> Result<T, TooShort> {
        let bytes = self.bytes().get(offset..).and_then(|rest| rest.get(..size_of::<T>()));
        bytes.map(bytemuck::pod_read_unaligned).ok_or(TooShort)
    }

    fn put<T: Pod>(&mut self, offset: usize, value: T) -> Result<(), Reason> {
        let frame = &mut self.buffer[self.start..self.end];
        let bytes = frame.get_mut(offset..).and_then(|rest| rest.get_mut(..size_of::<T>()));
        bytes.ok_or(Reason::Write)?.copy_from_slice(bytemuck::bytes_of(&value));
        Ok(())
    }

    fn resize(&mut self, length: usize) -> Result<(), Reason> {
        if length <= self.end {
            // As `bpf_xdp_adjust_head` does it: what was there stays where it was.
            self.start = self.end - length;
            return Ok(());
        }
        if self.start + length <= self.buffer.len() {
            self.end = self.start + length;
            return Ok(());
        }
        Err(Reason::NoRoom)
    }

    fn shorten(&mut self, length: usize) -> Result<(), Reason> {
        self.end = self.start + length;
        Ok(())
    }
}
