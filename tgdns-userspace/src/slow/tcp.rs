//! The slow path over TCP (RFC 7766), for all sizes of answers and for whoever prefers it.
//!
//! One small task for each connection, whose buffers exist only while it has work. It is the client who pays for being
//! slow: what it does not send is waited for so long and no longer, and while it does not take its replies nothing more
//! is read from it. All places taken by silent clients keep nobody out, for a newcomer gets the place of whoever has been
//! idle longest. Nothing that a client or the network does ends the listener's task.

use std::{
    io,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::Abortable;
use nix::errno::Errno;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use self::conversation::{Conversation, Desk};

pub use self::connections::Connections;

mod connections;
mod conversation;
pub mod stream;

/// After an error in accepting, so that a lasting one does not spin.
const PAUSE: Duration = Duration::from_millis(10);

/// Answers the connections to a listener, for ever. Dropping the future ends them all.
///
/// `answer` is that of [`super::serve_udp`]; where it gives nothing the connection is closed. The limits of
/// `connections` are those of all listeners that share it.
pub async fn serve_tcp<A>(listener: TcpListener, answer: A, connections: Arc<Connections>)
where
    A: FnMut(&mut [u8], usize, IpAddr) -> Option<usize> + Send + 'static,
{
    let desk = Arc::new(Mutex::new(Desk::new(answer)));
    let mut conversations = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => match connections.admit(client.ip()) {
                    Some((place, registration)) => {
                        // What is closed before its client has taken all is not kept for long by the kernel either.
                        let given_up = place.idle_timeout().saturating_mul(2);
                        let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(given_up));
                        let conversation = Conversation::new(stream, client.ip());
                        let hold = conversation.hold(Arc::clone(&desk), place);
                        conversations.spawn(Abortable::new(hold, registration));
                    }
                    None => refuse(&stream),
                },
                Err(error) => {
                    connections.counters.accept_error.add();
                    tracing::debug!("accepting on {:?}: {error}", listener.local_addr());
                    if is_want_of_resources(&error) {
                        connections.evict();
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(ended) = conversations.join_next() => {
                if let Err(panic) = ended {
                    tracing::error!("a connection's task broke: {panic}");
                }
            }
        }
    }
}

/// Closes a connection so that nothing of it is left, neither here nor in the kernel.
fn refuse(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

/// Descriptors or memory: they come back when a connection ends.
fn is_want_of_resources(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM))
}

#[cfg(test)]
mod tests;
