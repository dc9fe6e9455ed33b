//! The kernel's signs that a link or an address changed.

use std::io;

use nix::errno::Errno;
use rtnetlink::{
    MulticastGroup,
    sys::{AsyncSocket as _, AsyncSocketExt as _, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE},
};

/// Bytes of a message that are read; nobody looks at them, the rest is cut off.
const CUT: usize = 16;

/// More than a socket's usual buffer holds; what is left leads to another reading.
const MOST_AT_ONCE: usize = 4096;

/// A subscription to the kernel's multicast messages, of the thread's network namespace.
pub(super) struct Changes {
    socket: TokioSocket,
    overruns: u64,
}

impl Changes {
    pub(super) fn subscribe() -> io::Result<Self> {
        let groups = [MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv6Ifaddr];
        let mask = groups.iter().fold(0, |mask, group| mask | 1 << (*group as u32 - 1));
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind(&SocketAddr::new(0, mask))?;
        Ok(Self { socket, overruns: 0 })
    }

    /// Returns when something may have changed. No sign is lost where it is dropped before.
    pub(super) async fn next(&mut self) {
        let received = self.socket.recv(&mut [0_u8; CUT].as_mut_slice()).await;
        if let (false, Err(error)) = (self.is_sign(&received), received) {
            tracing::warn!("the subscription to address changes broke, subscribing anew: {error}");
            // What changed meanwhile is unknown, which is a change.
            *self = Self { overruns: self.overruns, ..subscribe_at_last().await };
        }
    }

    /// Drops the signs that have come so far, for a full reading follows.
    pub(super) fn forget(&mut self) {
        for _ in 0..MOST_AT_ONCE {
            // A broken socket is found, and told, by the next wait.
            let received = self.socket.socket_ref().recv(&mut [0_u8; CUT].as_mut_slice(), 0);
            if !self.is_sign(&received) {
                return;
            }
        }
    }

    /// How often the socket had no room for a message.
    pub(super) fn overruns(&self) -> u64 {
        self.overruns
    }

    /// Whether something changed: a message came, or messages were lost.
    fn is_sign<T>(&mut self, received: &io::Result<T>) -> bool {
        let is_lost = received.as_ref().is_err_and(is_overrun);
        self.overruns += u64::from(is_lost);
        received.is_ok() || is_lost
    }
}

async fn subscribe_at_last() -> Changes {
    loop {
        tokio::time::sleep(super::RETRY).await;
        match Changes::subscribe() {
            Ok(changes) => return changes,
            Err(error) => tracing::warn!("cannot subscribe to address changes: {error}"),
        }
    }
}

/// Messages were lost; the socket goes on.
fn is_overrun(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::ENOBUFS as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_messages_are_a_sign_and_no_broken_socket() {
        for (error, expected) in [(Errno::ENOBUFS, true), (Errno::EAGAIN, false), (Errno::EBADF, false)] {
            assert_eq!(is_overrun(&error.into()), expected, "{error}");
        }
    }
}
