//! Receiving on a socket of datagrams that is connected to a server.

use std::io::{self, ErrorKind, Read as _};

use socket2::SockRef;
use tokio::{io::Interest, net::UdpSocket};

/// The length of the next message, or the next error that came from the network: tokio's own functions would wake for
/// messages alone.
pub(super) async fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        let ready = socket.ready(Interest::READABLE | Interest::ERROR).await?;
        // It must be one of them: tokio takes no sum.
        let reason = if ready.is_error() { Interest::ERROR } else { Interest::READABLE };
        match socket.try_io(reason, || (&*SockRef::from(socket)).read(buffer)) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            result => return result,
        }
    }
}
