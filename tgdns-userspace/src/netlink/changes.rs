//! The kernel's signs that a link or an address changed.

use std::{io, time::Duration};

use nix::errno::Errno;
use rtnetlink::{
    MulticastGroup,
    sys::{AsyncSocket as _, AsyncSocketExt as _, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE},
};

/// Changes come in bursts (an address with its link, both families); a burst is one change.
const SETTLE: Duration = Duration::from_millis(2);

/// Bytes of a message that are read; nobody looks at them, the rest is cut off.
const CUT: usize = 16;

/// A subscription to the kernel's multicast messages, of the thread's network namespace.
pub(super) struct Changes {
    socket: TokioSocket,
}

impl Changes {
    pub(super) fn subscribe() -> io::Result<Self> {
        let groups = [MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv6Ifaddr];
        let mask = groups.iter().fold(0, |mask, group| mask | 1 << (*group as u32 - 1));
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind(&SocketAddr::new(0, mask))?;
        Ok(Self { socket })
    }

    /// Returns when something may have changed, and the burst is over.
    pub(super) async fn next(&mut self) {
        if let Err(error) = self.wait().await {
            tracing::warn!("the subscription to address changes broke, subscribing anew: {error}");
            // What changed meanwhile is unknown, which is a change.
            *self = subscribe_at_last().await;
            return;
        }
        tokio::time::sleep(SETTLE).await;
        self.forget();
    }

    /// Drops the signs that have come so far, for a full reading follows.
    pub(super) fn forget(&self) {
        // A broken socket is found, and told, by the next wait.
        while is_sign(&self.socket.socket_ref().recv(&mut [0_u8; CUT].as_mut_slice(), 0)) {}
    }

    async fn wait(&self) -> io::Result<()> {
        let received = self.socket.recv(&mut [0_u8; CUT].as_mut_slice()).await;
        if is_sign(&received) { Ok(()) } else { received }
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

/// Whether something changed: a message came, or messages were lost.
fn is_sign<T>(received: &io::Result<T>) -> bool {
    received.as_ref().err().is_none_or(|error| error.raw_os_error() == Some(Errno::ENOBUFS as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_messages_are_a_sign_and_no_broken_socket() {
        for (received, expected) in [
            (Ok(()), true),
            (Err(Errno::ENOBUFS), true),
            (Err(Errno::EAGAIN), false),
            (Err(Errno::EBADF), false),
        ] {
            let received = received.map_err(io::Error::from);
            assert_eq!(is_sign(&received), expected, "{received:?}");
        }
    }
}
