//! The oracle: the same queries, valid and not, to the slow path and to servers that others wrote.
//!
//! Where the replies differ there is a reason, and it stands in the table of `differences`; all else is a failure.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use tgdns::responder::{Buckets, Counts, Responder};
use tgdns_common::transport::Transport;
use tokio::sync::watch;

use self::{
    aspects::Aspects,
    case::Case,
    message::Message,
    peer::Peer,
    show::{rcode_name, show},
};
use super::table;
use crate::{
    lab::{namespace::Namespace, run::Run},
    vectors,
};

mod aspects;
mod case;
mod differences;
mod message;
mod peer;
mod query;
mod show;
mod zone;

/// One query in so many is asked over TCP as well.
const OVER_TCP: u64 = 10;
/// Kinds of failures that are shown.
const SHOWN: usize = 12;

/// What was seen.
pub struct Summary {
    pub seed: u64,
    pub queries: u64,
    pub over_tcp: u64,
    pub took: Duration,
    /// By RCODE's name.
    pub replies: BTreeMap<String, u64>,
    /// By the difference's place in the table: hits, and how often the second peer was on our side.
    pub hits: Vec<(u64, u64)>,
}

impl Summary {
    /// For people.
    pub fn text(&self) -> String {
        let replies = self.replies.iter().map(|(name, count)| (name.as_str(), *count));
        let mut text = table::counts("our reply", replies);
        let _ = writeln!(text, "\n{:>8} {:>8}  deliberate differences from NSD", "hits", "as Knot");
        for ((hits, seconded), difference) in self.hits.iter().zip(differences::ALL) {
            let _ = writeln!(text, "{hits:>8} {seconded:>8}  {}", difference.what);
            let _ = writeln!(text, "{:>19}{}", "", difference.reason);
        }
        let _ = writeln!(
            text,
            "\n{} queries, {} of them over TCP as well, in {:.1} s, seed {}: all else agrees with NSD",
            self.queries,
            self.over_tcp,
            self.took.as_secs_f32(),
            self.seed
        );
        text
    }
}

/// Compares the replies to so many queries. Needs root.
///
/// # Errors
/// Differences that nobody declared, with the queries.
pub fn run(seed: u64, queries: u64) -> Result<Summary> {
    let started = Instant::now();
    let run = Run::start()?;
    let namespace = Namespace::new(&run, "peers")?;
    let (nsd, knot) = (Peer::nsd(&run, &namespace)?, Peer::knot(&run, &namespace)?);
    let ours = Ours::new()?;

    let mut failures = Failures::default();
    let mut summary = Summary {
        seed,
        queries,
        over_tcp: 0,
        took: Duration::ZERO,
        replies: BTreeMap::new(),
        hits: vec![(0, 0); differences::ALL.len()],
    };
    for number in 0..queries {
        let query = query::query(seed, number);
        for transport in [Transport::Udp, Transport::Tcp] {
            if transport == Transport::Tcp && number % OVER_TCP != 0 {
                continue;
            }
            summary.over_tcp += u64::from(transport == Transport::Tcp);
            let (theirs, second) = (nsd.ask(transport, &query)?, knot.ask(transport, &query)?);
            let replies = [ours.ask(transport, &query), theirs, second];
            judge(transport, &query, &replies, &mut summary, &mut failures);
        }
    }
    summary.took = started.elapsed();
    failures.report(seed)?;
    Ok(summary)
}

fn judge(
    transport: Transport,
    query: &[u8],
    replies: &[Option<Vec<u8>>; 3],
    summary: &mut Summary,
    failures: &mut Failures,
) {
    let asked = Message::read(query);
    let [ours, theirs, second] = [0, 1, 2].map(|place: usize| replies[place].as_deref().map(Message::read));
    let [ours, theirs, second] = [ours.as_ref(), theirs.as_ref(), second.as_ref()];
    let rcode = ours.map_or("silence".to_owned(), |ours| rcode_name(ours.rcode()));
    *summary.replies.entry(rcode).or_default() += 1;

    let mut left = Aspects::of(ours, theirs);
    let broken = ours
        .is_some_and(|ours| ours.fault.is_some() || ours.trailing > 0 || ours.identifier != asked.identifier);
    let case = Case { transport, asked: &asked, length: query.len(), ours, theirs };
    for (difference, hits) in differences::ALL.iter().zip(&mut summary.hits) {
        let explained = (difference.explains)(&case).both(left);
        if !explained.is_none() {
            left = left.without(explained);
            hits.0 += 1;
            // Silence agrees with nothing but silence.
            let seconded = Aspects::of(ours, second).both(explained.and(Aspects::SILENCE));
            hits.1 += u64::from(seconded.is_none());
        }
    }
    if broken || !left.is_none() {
        let what = if broken { "a broken reply".to_owned() } else { left.to_string() };
        failures.add(what, transport, query, [ours, theirs, second]);
    }
}

/// What nobody declared, one of each kind.
#[derive(Default)]
struct Failures {
    count: u64,
    kinds: BTreeMap<(String, String, String), (u64, String)>,
}

impl Failures {
    fn add(&mut self, what: String, transport: Transport, query: &[u8], replies: [Option<&Message>; 3]) {
        self.count += 1;
        let rcode =
            |reply: Option<&Message>| reply.map_or("silence".to_owned(), |reply| rcode_name(reply.rcode()));
        let text = || {
            let [ours, nsd, knot] = replies.map(show);
            format!(
                "{transport:?} {}\n  asked {}\n  tgdns {ours}\n  NSD   {nsd}\n  Knot  {knot}",
                table::hex(query),
                show(Some(&Message::read(query)))
            )
        };
        let kind = (what, rcode(replies[0]), rcode(replies[1]));
        self.kinds.entry(kind).or_insert_with(|| (0, text())).0 += 1;
    }

    fn report(&self, seed: u64) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let mut text =
            format!("{} replies of seed {seed} differ from NSD's and nobody says why\n", self.count);
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        kinds.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        for ((what, ours, theirs), (count, example)) in kinds.iter().take(SHOWN) {
            let _ = writeln!(text, "* {what} ({ours}, NSD {theirs}), {count} times, as for\n  {example}");
        }
        bail!(text)
    }
}

/// The slow path, without its sockets.
struct Ours {
    responders: [Responder; 2],
    _tables: watch::Sender<Arc<tgdns::image::Image>>,
}

impl Ours {
    fn new() -> Result<Self> {
        let (sender, tables) = watch::channel(Arc::new(vectors::table_set("oracle")?.image()));
        let counts = Arc::new(Counts::default());
        let responders = [Transport::Udp, Transport::Tcp].map(|transport| {
            Responder::new(tables.clone(), Arc::clone(&counts), Buckets::default(), transport)
        });
        Ok(Self { responders, _tables: sender })
    }

    fn ask(&self, transport: Transport, query: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 4096.max(query.len())];
        buffer[..query.len()].copy_from_slice(query);
        let responder = &self.responders[usize::from(transport == Transport::Tcp)];
        let length = responder.answer(&mut buffer, query.len(), IpAddr::V4(Ipv4Addr::LOCALHOST))?;
        buffer.truncate(length);
        Some(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No bit of a reply can be another one without being noticed.
    #[test]
    fn every_bit_counts() -> Result<()> {
        let ours = Ours::new()?;
        let mut query = query::sentinel();
        let question_end = query.len();
        query[11] = 1;
        query.extend([0, 0, 41, 4, 208, 0, 0, 128, 0, 0, 4, 0, 3, 0, 0]);
        let reply = ours.ask(Transport::Udp, &query).expect("it is answered");
        let right = Message::read(&reply);
        assert!(right.fault.is_none() && right.section(1).len() == 1 && right.opt().is_some());
        for bit in 0..reply.len() * 8 {
            let mut other = reply.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let other = Message::read(&other);
            // The case of names is no difference but in the question.
            let is_case = bit % 8 == 5 && reply[bit / 8].is_ascii_alphabetic() && bit / 8 >= question_end;
            let noticed = other.fault.is_some()
                || other.trailing > 0
                || other.identifier != right.identifier
                || !Aspects::of(Some(&right), Some(&other)).is_none();
            assert!(noticed || is_case, "bit {} of byte {}: {other:?}", bit % 8, bit / 8);
        }
        Ok(())
    }
}
