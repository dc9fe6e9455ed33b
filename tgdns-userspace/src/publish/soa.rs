//! The SOA record of a cluster's zone, as it makes an answer negative (RFC 2308 3).

use bytemuck::Zeroable as _;
use tgdns_common::{
    checksum,
    tables::Negative,
    wire::dns::{IN, RecordHead, Type},
};

use super::zone;
use crate::cluster::Cluster;

/// Nobody transfers the zone; these are the lower ends of what RFC 1912 2.2 recommends.
const REFRESH: u32 = 1200;
const RETRY: u32 = 180;
const EXPIRE: u32 = 1_209_600;

/// The serial in a record that [`negative`] made.
pub(crate) fn serial(negative: &Negative) -> Option<u32> {
    // Before the other four numbers, which end the record.
    let start = usize::from(negative.length).checked_sub(20)?;
    let bytes = negative.record.get(start..start + 4)?;
    bytes.try_into().map(u32::from_be_bytes).ok()
}

/// The record, ready for the wire, for a question whose name has `offset` bytes before the zone's: `primary` is the label
/// of the primary server, the mailbox is `hostmaster`, both below the zone's name.
/// The cluster's negative TTL is the record's and its MINIMUM.
pub(super) fn negative(offset: usize, cluster: &Cluster, serial: u32) -> Negative {
    let primary = cluster.name_servers.first().map(|server| server.name.as_str());
    let ttl = cluster.negative_ttl;
    let zone = zone::pointer(offset);
    let mut data = Vec::new();
    for label in [primary, Some("hostmaster")] {
        if let Some(label) = label {
            data.push(label.len() as u8);
            data.extend_from_slice(label.as_bytes());
        }
        data.extend_from_slice(&zone);
    }
    for number in [serial, REFRESH, RETRY, EXPIRE, ttl] {
        data.extend_from_slice(&number.to_be_bytes());
    }
    let head = RecordHead {
        owner: zone,
        r#type: Type::SOA,
        class: IN,
        ttl: ttl.to_be_bytes(),
        length: (data.len() as u16).to_be_bytes(),
    };
    let bytes = [bytemuck::bytes_of(&head), &data].concat();

    let mut negative = Negative::zeroed();
    let sum = bytes.chunks(2).map(|pair| checksum::pair([pair[0], pair.get(1).copied().unwrap_or(0)])).sum();
    negative.length = bytes.len() as u8;
    negative.is_apex = u8::from(offset == 0);
    negative.sum = checksum::fold(sum).to_le_bytes();
    negative.record[..bytes.len()].copy_from_slice(&bytes);
    negative
}
