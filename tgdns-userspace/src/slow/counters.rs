//! What became of the messages on the slow path's sockets.

use std::sync::atomic::{AtomicU64, Ordering};

/// Shared by all UDP sockets; `received` is the sum of the others but the errors in receiving.
#[derive(Debug, Default)]
pub struct Counters {
    pub received: Counter,
    pub answered: Counter,
    /// The responder had nothing to say: a response, garbage.
    pub silent: Counter,
    /// Sent to a broadcast or multicast address.
    pub group_address: Counter,
    /// From a source port that no client has.
    pub reflector_port: Counter,
    pub receive_error: Counter,
    pub send_error: Counter,
}

impl Counters {
    /// Name and value of each.
    pub fn snapshot(&self) -> [(&'static str, u64); 7] {
        [
            ("received", self.received.get()),
            ("answered", self.answered.get()),
            ("silent", self.silent.get()),
            ("group_address", self.group_address.get()),
            ("reflector_port", self.reflector_port.get()),
            ("receive_error", self.receive_error.get()),
            ("send_error", self.send_error.get()),
        ]
    }
}

/// What became of the connections over TCP and of the messages in them.
#[derive(Debug, Default)]
pub struct TcpCounters {
    /// Connections that were given a place; each of them ends as one of the next ten.
    pub accepted: Counter,
    /// Closed by the client between two messages, as it should be.
    pub closed: Counter,
    /// Closed by the client within a message.
    pub cut_off: Counter,
    /// No whole message arrived for too long.
    pub timed_out: Counter,
    /// Idle longest when a newcomer needed its place.
    pub evicted: Counter,
    /// The client did not take its replies.
    pub not_taken: Counter,
    /// A message is shorter than a header.
    pub short: Counter,
    /// The responder had nothing to say: a response, garbage.
    pub silent: Counter,
    pub read_error: Counter,
    pub write_error: Counter,
    /// Connections that were closed at once, because their client had its share.
    pub refused: Counter,
    pub accept_error: Counter,
    /// Messages; all are answered but for the short and the silent ones.
    pub received: Counter,
    pub answered: Counter,
}

impl TcpCounters {
    /// Name and value of each.
    pub fn snapshot(&self) -> [(&'static str, u64); 14] {
        [
            ("tcp_received", self.received.get()),
            ("tcp_answered", self.answered.get()),
            ("tcp_accepted", self.accepted.get()),
            ("tcp_closed", self.closed.get()),
            ("tcp_cut_off", self.cut_off.get()),
            ("tcp_timed_out", self.timed_out.get()),
            ("tcp_evicted", self.evicted.get()),
            ("tcp_not_taken", self.not_taken.get()),
            ("tcp_short", self.short.get()),
            ("tcp_silent", self.silent.get()),
            ("tcp_read_error", self.read_error.get()),
            ("tcp_write_error", self.write_error.get()),
            ("tcp_refused", self.refused.get()),
            ("tcp_accept_error", self.accept_error.get()),
        ]
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
