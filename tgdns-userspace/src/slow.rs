//! The slow path's UDP sockets: what the fast path passes up, or everything where it is off.
//!
//! One task per socket. A reply leaves from the address that was asked, which a wildcard socket is told with each
//! message (`IP_PKTINFO`, `IPV6_PKTINFO`). A socket is drained in batches of bounded size, so that a flood cannot
//! starve the event loop, which may share the thread; a reply that does not fit into the send buffer is lost rather
//! than waited for. Nothing that a client or the network does ends a task.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use tokio::net::UdpSocket;

pub use self::{
    bind::{bind_tcp, bind_udp},
    counters::{Counters, TcpCounters},
    tcp::{Connections, serve_tcp},
};

mod bind;
mod counters;
mod holder;
mod message;
pub mod tcp;

/// Messages taken from a socket before other tasks get their turn.
const BATCH: usize = 64;

/// Room for the longest UDP payload: no query is cut off, no reply lacks room.
const BUFFER: usize = 65_535;

/// After an error in receiving, so that a lasting one does not spin.
const PAUSE: Duration = Duration::from_millis(10);

/// Source ports that no client has: none, and those of services that answer whatever they get (echo, daytime,
/// character generator, time), which a forged query would set against us.
const REFLECTORS: [u16; 5] = [0, 7, 13, 19, 37];

/// Answers on a socket from [`bind_udp`], for ever.
///
/// `answer` gets a buffer that starts with the query, the query's length and the client's address; it leaves the
/// reply at the buffer's start and gives the reply's length, or nothing to stay silent.
pub async fn serve_udp(
    socket: UdpSocket,
    mut answer: impl FnMut(&mut [u8], usize, IpAddr) -> Option<usize>,
    counters: Arc<Counters>,
) {
    let mut buffer = vec![0_u8; BUFFER];
    loop {
        let served = match socket.readable().await {
            Ok(()) => serve_batch(&socket, &mut buffer, &mut answer, &counters),
            Err(error) => Err(error),
        };
        match served {
            Ok(()) => tokio::task::yield_now().await,
            Err(error) => {
                counters.receive_error.add();
                tracing::debug!("receiving on {:?}: {error}", socket.local_addr());
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Answers what waits in the socket, but no more than a batch.
fn serve_batch(
    socket: &UdpSocket,
    buffer: &mut [u8],
    answer: &mut impl FnMut(&mut [u8], usize, IpAddr) -> Option<usize>,
    counters: &Counters,
) -> io::Result<()> {
    for _ in 0..BATCH {
        let query = match message::receive(socket, buffer) {
            Ok(query) => query,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        counters.received.add();
        if query.asked.is_group() {
            counters.group_address.add();
        } else if REFLECTORS.contains(&query.client.port()) {
            counters.reflector_port.add();
        } else if let Some(length) = answer(buffer, query.length, query.client.ip()) {
            match buffer.get(..length).map(|reply| message::send(socket, reply, &query)) {
                Some(Ok(())) => counters.answered.add(),
                Some(Err(error)) => {
                    counters.send_error.add();
                    tracing::debug!("replying to {}: {error}", query.client);
                }
                None => counters.send_error.add(),
            }
        } else {
            counters.silent.add();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
