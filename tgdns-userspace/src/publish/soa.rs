//! The SOA record of a cluster's zone, as it makes an answer negative (RFC 2308 3).

use bytemuck::Zeroable as _;
use tgdns_common::{
    checksum,
    tables::Negative,
    wire::dns::{QUESTION_NAME, RecordHead, Type},
};

/// Seconds. The record's TTL and its MINIMUM, so also how long a negative answer is kept: resolvers keep it as long as they
/// may, some for 15 minutes.
const NEGATIVE_TTL: u32 = 5;
const SERIAL: u32 = 1;
/// Nobody transfers the zone; these are the lower ends of what RFC 1912 2.2 recommends.
const REFRESH: u32 = 1200;
const RETRY: u32 = 180;
const EXPIRE: u32 = 1_209_600;

/// The record, ready for the wire: the primary server is the cluster's name itself, the mailbox `hostmaster` below it.
pub(super) fn negative() -> Negative {
    let mut data = QUESTION_NAME.to_vec();
    data.push(10);
    data.extend_from_slice(b"hostmaster");
    data.extend_from_slice(&QUESTION_NAME);
    for number in [SERIAL, REFRESH, RETRY, EXPIRE, NEGATIVE_TTL] {
        data.extend_from_slice(&number.to_be_bytes());
    }
    let head = RecordHead::of_question(Type::SOA, NEGATIVE_TTL, data.len() as u16);
    let bytes = [bytemuck::bytes_of(&head), &data].concat();

    let mut negative = Negative::zeroed();
    let sum = bytes.chunks(2).map(|pair| checksum::pair([pair[0], pair.get(1).copied().unwrap_or(0)])).sum();
    negative.length = bytes.len() as u8;
    negative.sum = checksum::fold(sum).to_le_bytes();
    negative.record[..bytes.len()].copy_from_slice(&bytes);
    negative
}
