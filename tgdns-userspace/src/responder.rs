//! The slow path's answers: the responder over a message in a buffer and the tables last published.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use tgdns_common::{
    finding::Finding,
    rate::{self, Verdict},
    respond,
    tables::Address,
    transport::Transport,
};
use tokio::sync::watch;

use crate::image::Image;
pub use buckets::Buckets;
use message::Message;
use zones::Served;

mod buckets;
pub mod message;
mod zones;

/// Answers messages, for one socket.
#[derive(Clone, Debug)]
pub struct Responder {
    tables: watch::Receiver<Arc<Image>>,
    counts: Arc<Counts>,
    transport: Transport,
    buckets: Buckets,
}

impl Responder {
    /// Sockets that share `buckets` limit a network together.
    pub fn new(
        tables: watch::Receiver<Arc<Image>>,
        counts: Arc<Counts>,
        buckets: Buckets,
        transport: Transport,
    ) -> Self {
        Self { tables, counts, transport, buckets }
    }

    /// The buffer starts with a message of that length, and afterwards with its reply; gives the reply's length, or
    /// nothing where there is none.
    pub fn answer(&self, buffer: &mut [u8], length: usize, client: IpAddr) -> Option<usize> {
        let mut message = Message::new(buffer, length);
        let address = mapped(client);
        let finding = self.serve(|zones| {
            let verdict = self.judge(zones.image, address);
            if verdict != Verdict::Answer {
                self.buckets.limited(client.to_canonical());
            }
            match verdict {
                Verdict::Answer => respond::to_message(&mut message, address, self.transport, zones),
                Verdict::Slip => respond::to_truncated(&mut message),
                Verdict::Drop => Finding::RateLimited,
            }
        });
        finding.rcode().map(|_| message.into_length())
    }

    /// The same without the short way that plain queries take, so that tests can compare the two.
    pub fn answer_by_the_rules(&self, buffer: &mut [u8], length: usize, client: IpAddr) -> Option<usize> {
        let mut message = Message::new(buffer, length);
        let finding = self.serve(|zones| {
            let written =
                respond::to_message_by_the_rules(&mut message, mapped(client), self.transport, zones);
            written.unwrap_or(Finding::NoRoom)
        });
        finding.rcode().map(|_| message.into_length())
    }

    /// Over TCP nobody asks in another's name.
    fn judge(&self, image: &Image, client: Address) -> Verdict {
        match (&image.rate_limit, self.transport) {
            (Some(limit), Transport::Udp) if rate::concerns(image.settings.limited, client) => {
                limit.judge(client, &self.buckets)
            }
            (Some(_) | None, Transport::Udp | Transport::Tcp) => Verdict::Answer,
        }
    }

    fn serve(&self, respond: impl FnOnce(&Served<'_>) -> Finding) -> Finding {
        let image = Arc::clone(&self.tables.borrow());
        let finding = respond(&Served { image: &image, now: unix_seconds() });
        self.counts.add(finding);
        finding
    }
}

fn mapped(client: IpAddr) -> Address {
    match client.to_canonical() {
        IpAddr::V4(address) => Address::from_ipv4(address.octets()),
        IpAddr::V6(address) => Address::from_ipv6(address.octets()),
    }
}

/// The time as cookies and serial numbers have it; they go round in 2106.
pub fn unix_seconds() -> u32 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as u32)
}

/// What became of the messages.
#[derive(Debug)]
pub struct Counts([AtomicU64; Finding::ALL.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Counts {
    /// So many messages came to that.
    pub fn of(&self, finding: Finding) -> u64 {
        self.0.get(finding as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Name and value of each.
    pub fn snapshot(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let values = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        Finding::ALL.iter().map(|finding| finding.as_str()).zip(values)
    }

    fn add(&self, finding: Finding) {
        if let Some(count) = self.0.get(finding as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}
