//! The slow path's answers: the responder over a message in a buffer and the tables last published.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tgdns_common::{
    counter::{Counter, Counters},
    query::Question,
    reason::Reason,
    respond,
    tables::Address,
};
use tokio::sync::watch;

use crate::image::Image;
use message::Message;

pub mod message;

/// Answers messages, for one socket.
#[derive(Clone, Debug)]
pub struct Responder {
    tables: watch::Receiver<Arc<Image>>,
    counts: Arc<Counts>,
}

impl Responder {
    pub fn new(tables: watch::Receiver<Arc<Image>>, counts: Arc<Counts>) -> Self {
        Self { tables, counts }
    }

    /// The buffer starts with a query of that length, and afterwards with its reply; gives the reply's length, or
    /// nothing where there is none.
    pub fn answer(&self, buffer: &mut [u8], length: usize, client: IpAddr) -> Option<usize> {
        let tables = Arc::clone(&self.tables.borrow());
        match respond(&tables, Message::new(buffer, length), client) {
            Ok((counter, length)) => {
                self.counts.add(counter);
                Some(length)
            }
            Err(reason) => {
                self.counts.add(reason.into());
                None
            }
        }
    }
}

fn respond(tables: &Image, mut message: Message<'_>, client: IpAddr) -> Result<(Counter, usize), Reason> {
    let client = match client.to_canonical() {
        IpAddr::V4(address) => Address::from_ipv4(address.octets()),
        IpAddr::V6(address) => Address::from_ipv6(address.octets()),
    };
    let mut question = Question::new();
    let reply = respond::plan_message(&message, client, tables, &mut question)?;
    respond::apply_message(&mut message, &reply, &question)?;
    Ok((reply.kind().into(), message.into_length()))
}

/// What became of the queries, by the same names as in the fast path.
#[derive(Debug)]
pub struct Counts([AtomicU64; Counter::COUNT]);

impl Default for Counts {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Counts {
    /// Name and value of each.
    pub fn snapshot(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Counters::NAMES.iter().copied().zip(self.0.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    fn add(&self, counter: Counter) {
        if let Some(count) = self.0.get(usize::from(counter.0)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}
