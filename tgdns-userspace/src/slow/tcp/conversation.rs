//! One client's connection: messages in, replies out, in their order.

use std::{
    future::poll_fn,
    mem,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
    time::timeout,
};

use super::{connections::Place, stream::Stream};
use crate::slow::TcpCounters;

/// Bytes that are read, and answered, before other connections get their turn: about a hundred queries.
const READ: usize = 4096;

/// The longest message that the length before it can tell.
const LONGEST: usize = 65_535;

/// A message's header (RFC 1035 4.1.1): what is shorter has not even an identifier to reply to.
const HEADER: usize = 12;

/// With so many bytes of replies no further message is answered until they have been sent.
const ENOUGH_REPLIES: usize = 16 * 1024;

/// What the connections of a listener share, one turn at a time: without work they have no buffers.
#[derive(Debug)]
pub(super) struct Desk<A> {
    answer: A,
    arrived: Vec<u8>,
    message: Vec<u8>,
}

/// A connection, with what waits in it.
#[derive(Debug)]
pub(super) struct Conversation {
    stream: TcpStream,
    client: IpAddr,
    begun: Stream,
    /// Arrived, but not answered yet for too many replies.
    unanswered: Vec<u8>,
    replies: Vec<u8>,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    /// The client ended it within a message.
    CutOff,
    /// There was no whole message for too long.
    TimedOut,
    /// The client did not take its replies.
    NotTaken,
    /// A message that gets no reply. What follows it is not to be trusted either, so NSD closes the connection, too.
    Short,
    Silent,
    ReadError,
    WriteError,
}

impl<A> Desk<A> {
    pub(super) fn new(answer: A) -> Self {
        Self { answer, arrived: vec![0; READ], message: vec![0; LONGEST] }
    }
}

impl Conversation {
    pub(super) fn new(stream: TcpStream, client: IpAddr) -> Self {
        Self { stream, client, begun: Stream::default(), unanswered: Vec::new(), replies: Vec::new() }
    }

    /// Answers until either side ends it.
    pub(super) async fn hold<A>(mut self, desk: Arc<Mutex<Desk<A>>>, mut place: Place)
    where
        A: FnMut(&mut [u8], usize, IpAddr) -> Option<usize>,
    {
        let end = self.answer(&desk, &mut place).await;
        let counters = place.counters();
        match end {
            End::Closed => &counters.closed,
            End::CutOff => &counters.cut_off,
            End::TimedOut => &counters.timed_out,
            End::NotTaken => &counters.not_taken,
            End::Short => &counters.short,
            End::Silent => &counters.silent,
            End::ReadError => &counters.read_error,
            End::WriteError => &counters.write_error,
        }
        .add();
        if end == End::NotTaken {
            // Else the kernel would keep the replies, and offer them for minutes.
            let _ = self.stream.set_zero_linger();
        }
    }

    async fn answer<A>(&mut self, desk: &Mutex<Desk<A>>, place: &mut Place) -> End
    where
        A: FnMut(&mut [u8], usize, IpAddr) -> Option<usize>,
    {
        let patience = place.idle_timeout();
        loop {
            let answered = poll_fn(|context| {
                let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
                self.poll_answer(context, &mut desk, place.counters())
            });
            // The time is for a whole message, so that bytes now and then don't hold the place.
            let Ok(end) = timeout(patience, answered).await else { return End::TimedOut };
            place.act();
            if !self.replies.is_empty() {
                match timeout(patience, self.stream.write_all(&self.replies)).await {
                    Ok(Ok(())) => self.replies = Vec::new(),
                    Ok(Err(_)) => return End::WriteError,
                    Err(_) => return End::NotTaken,
                }
            }
            if let Some(end) = end {
                return end;
            }
            // There may be more to read at once, and other connections wait, too.
            tokio::task::yield_now().await;
        }
    }

    /// Waits for at least one whole message and answers what has arrived, or tells why the connection must end once
    /// the replies so far are sent.
    fn poll_answer<A>(
        &mut self,
        context: &mut Context<'_>,
        desk: &mut Desk<A>,
        counters: &TcpCounters,
    ) -> Poll<Option<End>>
    where
        A: FnMut(&mut [u8], usize, IpAddr) -> Option<usize>,
    {
        loop {
            let kept = mem::take(&mut self.unanswered);
            let mut arrived = kept.as_slice();
            if arrived.is_empty() {
                let mut room = ReadBuf::new(&mut desk.arrived);
                if ready!(Pin::new(&mut self.stream).poll_read(context, &mut room)).is_err() {
                    return Poll::Ready(Some(End::ReadError));
                }
                let length = room.filled().len();
                arrived = desk.arrived.get(..length).unwrap_or_default();
            }
            if arrived.is_empty() {
                let end = if self.begun.is_between_messages() { End::Closed } else { End::CutOff };
                return Poll::Ready(Some(end));
            }
            let end = self.answer_arrived(arrived, &mut desk.answer, &mut desk.message, counters);
            if end.is_some() || !self.replies.is_empty() {
                return Poll::Ready(end);
            }
        }
    }

    fn answer_arrived(
        &mut self,
        mut arrived: &[u8],
        answer: &mut impl FnMut(&mut [u8], usize, IpAddr) -> Option<usize>,
        buffer: &mut [u8],
        counters: &TcpCounters,
    ) -> Option<End> {
        loop {
            if self.replies.len() >= ENOUGH_REPLIES && !arrived.is_empty() {
                self.unanswered = arrived.to_vec();
                return None;
            }
            let message = self.begun.next_message(&mut arrived)?;
            counters.received.add();
            if message.len() < HEADER {
                return Some(End::Short);
            }
            buffer.get_mut(..message.len())?.copy_from_slice(message);
            let reply = answer(buffer, message.len(), self.client).and_then(|length| {
                let prefix = u16::try_from(length).ok()?.to_be_bytes();
                Some((prefix, buffer.get(..length)?))
            });
            let Some((prefix, reply)) = reply else { return Some(End::Silent) };
            self.replies.extend_from_slice(&prefix);
            self.replies.extend_from_slice(reply);
            counters.answered.add();
        }
    }
}
