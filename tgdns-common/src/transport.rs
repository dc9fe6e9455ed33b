//! What carries a message.

use crate::query::OWN_SIZE;

/// What carries a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

impl Transport {
    /// The largest message that may be sent to a client that takes `size` bytes over UDP.
    pub fn largest(self, size: u16) -> u16 {
        match self {
            Self::Udp => size.min(OWN_SIZE),
            Self::Tcp => u16::MAX,
        }
    }
}
