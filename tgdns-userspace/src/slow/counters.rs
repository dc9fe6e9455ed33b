//! What became of the messages on the slow path's sockets.

use std::sync::atomic::{AtomicU64, Ordering};

/// Shared by all sockets; `received` is the sum of the others but the errors in receiving.
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
