//! The reply that a vector expects, described field by field, and its frames: one for each rotation.

use std::net::IpAddr;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::{
    file::Hex,
    frame::{Checksum, Frame},
    message::{Edns, Message, name},
};

/// A pointer to the question's name.
const QUESTION: [u8; 2] = [0xc0, 0x0c];

/// Whatever is not said follows from the query by the rules of plain answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    pub answer: Answer,
    /// Those that are live, in order; `ADDRESS x COUNT` counts up.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// How many of them the answer carries; all unless told.
    pub count: Option<usize>,
    /// All that may be told, where it is no rotation of `addresses`.
    #[serde(default)]
    pub rows: Vec<Vec<String>>,
    #[serde(default = "one_second")]
    pub ttl: u32,
    /// What clients with EDNS are told (RFC 8914).
    pub extended_error: Option<u16>,
    #[serde(default)]
    pub rcode: u16,
    /// What is counted; follows from the answer unless told.
    pub counter: Option<String>,
    /// The header's flags.
    pub flags: Option<u16>,
    /// The frame's length, where the vector is about lengths.
    pub length: Option<usize>,
    /// The whole frame, where one is worked out by hand; it must be what the description says.
    pub hex: Option<Hex>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    A,
    Aaaa,
    NoData,
    Soa,
}

fn one_second() -> u32 {
    1
}

impl Reply {
    pub fn counter(&self) -> &str {
        if let Some(counter) = &self.counter {
            return counter;
        }
        match self.answer {
            Answer::A => "answered_a",
            Answer::Aaaa => "answered_aaaa",
            Answer::NoData => "answered_nodata",
            Answer::Soa => "answered_soa",
        }
    }

    /// The frame in every rotation.
    pub fn frames(&self, query: &Frame) -> Result<Vec<Vec<u8>>> {
        let messages = match self.answer {
            Answer::A | Answer::Aaaa => self.rotations(&query.message)?,
            Answer::NoData => vec![self.message(&query.message, [0, 1], soa()?)],
            Answer::Soa => vec![self.message(&query.message, [1, 0], soa()?)],
        };
        let frames = messages
            .into_iter()
            .map(|message| turned(query, message)?.build())
            .collect::<Result<Vec<_>>>()?;
        for frame in &frames {
            let length = self.length.unwrap_or(frame.len());
            ensure!(frame.len() == length, "the described reply has {} bytes, not {length}", frame.len());
        }
        if let Some(Hex(frame)) = &self.hex {
            ensure!(frames.contains(frame), "`hex` is not what the description says: {frames:02x?}");
        }
        Ok(frames)
    }

    fn rotations(&self, query: &Message) -> Result<Vec<Message>> {
        let mut rows = self.rows.iter().map(|row| expand(row)).collect::<Result<Vec<_>>>()?;
        if rows.is_empty() {
            let addresses = expand(&self.addresses)?;
            let count = self.count.unwrap_or(addresses.len());
            let window = |start| addresses.iter().cycle().skip(start).take(count).copied().collect();
            rows = (0..addresses.len()).map(window).collect();
        }
        ensure!(!rows.is_empty(), "an answer without `addresses`");
        let mut rotations = Vec::new();
        for row in rows {
            let count = row.len();
            let records = row.into_iter().flat_map(|address| match address {
                IpAddr::V4(address) => record(1, self.ttl, &address.octets()),
                IpAddr::V6(address) => record(28, self.ttl, &address.octets()),
            });
            rotations.push(self.message(query, [u16::try_from(count)?, 0], records.collect()));
        }
        Ok(rotations)
    }

    fn message(&self, query: &Message, counts: [u16; 2], records: Vec<u8>) -> Message {
        let options = self
            .extended_error
            .map_or(vec![], |code| [15_u16, 2, code].into_iter().flat_map(u16::to_be_bytes).collect());
        let edns = query.edns.as_ref().map(|edns| Edns {
            flags: edns.flags & 0x8000,
            options: Hex(options),
            ..Edns::default()
        });
        // QR and AA; RD and CD as they came.
        let flags = self.flags.unwrap_or(0x8400 | query.flags & 0x0110 | self.rcode);
        Message {
            flags,
            counts: Some([1, counts[0], counts[1], u16::from(edns.is_some())]),
            records: Hex(records),
            edns,
            trailer: Hex::default(),
            ..query.clone()
        }
    }
}

/// The envelope of the reply to a frame.
fn turned(query: &Frame, message: Message) -> Result<Frame> {
    let (client, server) = query.addresses()?;
    Ok(Frame {
        destination_mac: query.source_mac.clone(),
        source_mac: query.destination_mac.clone(),
        tags: query.tags.clone(),
        version: query.version,
        source: Some(server),
        destination: Some(client),
        ttl: 64,
        flow_label: 0,
        identification: 0,
        fragment: 0x4000,
        source_port: query.port,
        port: query.source_port,
        checksum: Checksum::Ok,
        message,
        ..Frame::default()
    })
}

fn record(r#type: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut record = QUESTION.to_vec();
    record.extend(r#type.to_be_bytes());
    record.extend(1_u16.to_be_bytes());
    record.extend(ttl.to_be_bytes());
    record.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    record.extend(data);
    record
}

/// The zone's SOA: all of these are the product's own choice, but TTL and MINIMUM, which RFC 2308 makes equal.
fn soa() -> Result<Vec<u8>> {
    let [serial, refresh, retry, expire, minimum] = [1_u32, 1200, 180, 1_209_600, 5];
    let mut data = Vec::new();
    // The first name server's, and the mailbox's.
    for label in ["server-1", "hostmaster"] {
        data.extend(name(label)?.strip_suffix(&[0]).context("names end with the root")?);
        data.extend(QUESTION);
    }
    data.extend([serial, refresh, retry, expire, minimum].into_iter().flat_map(u32::to_be_bytes));
    Ok(record(6, minimum, &data))
}

fn expand(addresses: &[String]) -> Result<Vec<IpAddr>> {
    let mut expanded = Vec::new();
    for text in addresses {
        let (first, count) = text.split_once(" x ").unwrap_or((text, "1"));
        let first: IpAddr = first.parse().with_context(|| format!("`{text}` is no address"))?;
        let count: u8 = count.parse().with_context(|| format!("`{text}` counts wrong"))?;
        expanded.extend((0..count).map(|index| counted(first, index)));
    }
    Ok(expanded)
}

/// The address that comes `index` places behind the first.
pub fn counted(first: IpAddr, index: u8) -> IpAddr {
    match first {
        IpAddr::V4(first) => IpAddr::V4((first.to_bits() + u32::from(index)).into()),
        IpAddr::V6(first) => IpAddr::V6((first.to_bits() + u128::from(index)).into()),
    }
}
