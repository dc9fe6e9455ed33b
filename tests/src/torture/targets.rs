//! What the fuzzers call with arbitrary bytes, and what replays their corpus: each panics where something is wrong.
//!
//! The first byte chooses what the input itself can't say: tables, room, client.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, LazyLock},
};

use tgdns::{
    image::Image,
    responder::{Buckets, Counts, Responder},
    slow::tcp::stream::{PREFIX, Stream},
};
use tgdns_common::transport::Transport;
use tokio::sync::watch;

use super::envelope;
use crate::vectors::{self, check::Outcome, dissect::Datagram, host::HostFrame};

/// A target by its name.
pub type Target = fn(&[u8]);

/// All targets; each has a file in `tests/fuzz/fuzz_targets` and a folder in `tests/fuzz/corpus`.
pub const ALL: &[(&str, Target)] = &[("frame", frame), ("message", message), ("tcp_stream", tcp_stream)];

/// In the first byte of a frame: make the checksums right.
pub const SIGN: u8 = 0x80;
/// The same: room is at the tail only.
pub const NO_HEAD: u8 = 0x40;
/// The same: there is no room.
pub const NO_ROOM: u8 = 0x20;
/// In the first byte of a message: the client has an IPv6 address.
pub const VERSION_6: u8 = 0x80;
/// The same: it comes over TCP.
pub const TCP: u8 = 0x40;

/// Where a message's own bytes begin.
const HEADER: usize = 12;
/// The longest message that may be sent over UDP to a client that says nothing of its size.
const PLAIN: usize = 512;

/// The responder over a frame.
pub fn frame(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else { return };
    let mut query = bytes.to_vec();
    if choice & SIGN != 0 {
        envelope::sign(&mut query);
    }
    let (head, tail) = match choice & (NO_HEAD | NO_ROOM) {
        0 => (256, 2048),
        NO_HEAD => (0, 2048),
        _ => (0, 0),
    };
    // `respond` itself asserts that a passed frame is as it came.
    let (outcome, counter) = HostFrame::new(&query, head, tail).respond(table_set(*choice));
    let Outcome::Sent(reply) = outcome else { return };
    assert!(counter.starts_with("answered"), "sent, but counted as {counter}");
    let query = Datagram::parse(&query).expect("what is answered is well-formed");
    let reply = Datagram::parse(&reply).expect("a reply is well-formed");
    assert_eq!(reply.trailer, 0, "bytes behind the reply");
    assert_eq!((reply.source, reply.destination), (query.destination, query.source), "addresses");
    assert_eq!((reply.source_port, reply.destination_port), (53, query.source_port), "ports");
    assert_eq!(reply.tags, query.tags, "VLAN tags");
    assert_is_reply(&query.message, &reply.message);
    assert!(reply.message.len() <= 1232, "{} bytes", reply.message.len());
    assert_eq!(reply.question().ok(), query.question().ok(), "the question");
}

/// The slow path over a message.
pub fn message(input: &[u8]) {
    let Some((choice, query)) = input.split_first() else { return };
    let client: IpAddr =
        if choice & VERSION_6 == 0 { Ipv4Addr::new(192, 0, 2, 1).into() } else { Ipv6Addr::LOCALHOST.into() };
    let mut buffer = query.to_vec();
    buffer.resize(query.len().max(65_535), 0xa5);
    let Some(length) = responder(*choice).answer(&mut buffer, query.len(), client) else { return };
    let reply = buffer.get(..length).expect("a reply is within its buffer");
    assert_is_reply(query, reply);
    if choice & TCP == 0 {
        let has_edns = query[10..12] != [0, 0];
        assert!(length <= if has_edns { 1232 } else { PLAIN }, "{length} bytes over UDP");
    }
}

/// The messages of a stream that arrives in pieces, the first byte choosing their lengths: they are those of the stream
/// as a whole.
pub fn tcp_stream(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else { return };
    let (mut expected, mut rest) = (Vec::new(), bytes);
    while let Some((prefix, behind)) = rest.split_first_chunk::<PREFIX>()
        && let Some((message, next)) = behind.split_at_checked(u16::from_be_bytes(*prefix).into())
    {
        expected.push(message);
        rest = next;
    }
    let (mut stream, mut messages, mut left) = (Stream::default(), Vec::new(), bytes);
    for turn in 1_usize.. {
        let length = match choice {
            0 => left.len(),
            choice => 1 + usize::from(*choice).wrapping_mul(turn) % 32,
        };
        let (mut piece, behind) = left.split_at(length.min(left.len()));
        left = behind;
        while let Some(message) = stream.next_message(&mut piece) {
            messages.push(message.to_vec());
        }
        assert!(piece.is_empty(), "{} bytes of a piece are not used up", piece.len());
        if left.is_empty() {
            break;
        }
    }
    assert_eq!(messages, expected, "the messages");
    assert_eq!(stream.is_between_messages(), rest.is_empty(), "whether it may end");
}

fn assert_is_reply(query: &[u8], reply: &[u8]) {
    assert!(query.len() >= HEADER && reply.len() >= HEADER, "shorter than a header");
    assert_eq!(query[..2], reply[..2], "the identifier");
    assert_eq!(query[2] & 0x80, 0, "a response was answered");
    assert_eq!(reply[2] & 0x80, 0x80, "the reply is a query");
    assert_eq!(query[2] & 0x78, reply[2] & 0x78, "the opcode");
    assert_eq!(reply[3] & 0xe0, 0, "RA, Z or AD is set");
    assert_eq!(records_end(reply), Some(reply.len()), "the counts are not what there is");
}

/// Where the last record ends, by the header's counts.
fn records_end(message: &[u8]) -> Option<usize> {
    let number = |place| Some(u16::from_be_bytes(message.get(place..place + 2)?.try_into().ok()?));
    let mut place = HEADER;
    for section in 0..4 {
        for _ in 0..number(4 + 2 * section)? {
            place = name_end(message, place)? + 4;
            if section > 0 {
                place += 6 + usize::from(number(place + 4)?);
            }
        }
    }
    Some(place)
}

fn name_end(message: &[u8], mut place: usize) -> Option<usize> {
    loop {
        match usize::from(*message.get(place)?) {
            0 => return Some(place + 1),
            length @ 1..64 => place += 1 + length,
            0xc0.. => return Some(place + 2),
            _ => return None,
        }
    }
}

static SETS: LazyLock<Vec<(String, Arc<Image>)>> = LazyLock::new(|| {
    let mut sets: Vec<(String, Arc<Image>)> = Vec::new();
    for vector in vectors::all().expect("the vectors are well-formed") {
        if sets.last().is_none_or(|(name, _)| *name != vector.tables.name) {
            sets.push((vector.tables.name.clone(), Arc::new(vector.tables.image())));
        }
    }
    sets
});

/// By table set, for UDP and for TCP.
static RESPONDERS: LazyLock<Vec<[Responder; 2]>> = LazyLock::new(|| {
    let counts = Arc::new(Counts::default());
    let responder = |(_, image): &(_, Arc<Image>)| {
        let tables = watch::channel(Arc::clone(image)).1;
        [Transport::Udp, Transport::Tcp].map(|transport| {
            Responder::new(tables.clone(), Arc::clone(&counts), Buckets::default(), transport)
        })
    };
    SETS.iter().map(responder).collect()
});

/// The first byte's low bits choose the table set.
fn place(choice: u8) -> usize {
    usize::from(choice & 0x1f) % SETS.len()
}

fn table_set(choice: u8) -> &'static Image {
    &SETS[place(choice)].1
}

fn responder(choice: u8) -> &'static Responder {
    &RESPONDERS[place(choice)][usize::from(choice & TCP != 0)]
}

/// The seeds of a target's corpus: the vectors, as its inputs.
///
/// # Errors
/// A vector that is not well-formed.
pub fn seeds(target: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut seeds = Vec::new();
    for vector in vectors::all()? {
        let set = SETS.iter().position(|(name, _)| *name == vector.tables.name).unwrap_or(0) as u8;
        match target {
            "frame" => seeds.push([&[set], &vector.frame[..]].concat()),
            "message" | "tcp_stream" => {
                let Some(found) = envelope::Envelope::find(&vector.frame) else { continue };
                let choice = set | if found.version == 6 { VERSION_6 } else { 0 };
                let message = &vector.frame[found.message..found.end];
                if target == "message" {
                    seeds.push([&[choice], message].concat());
                } else {
                    let framed = [&(message.len() as u16).to_be_bytes(), message].concat();
                    seeds.push([&[choice], &framed[..], &framed].concat());
                }
            }
            _ => {}
        }
    }
    seeds.sort();
    seeds.dedup();
    Ok(seeds)
}
