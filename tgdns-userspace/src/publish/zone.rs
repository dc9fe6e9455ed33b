//! What a zone has besides its addresses: name servers with their own, and empty non-terminals. Only the slow path
//! answers for these.

use std::{collections::HashMap, net::IpAddr};

use tgdns_common::{
    name,
    tables::AnswerSet,
    wire::dns::{IN, QUESTION_NAME, QuestionTail, RecordHead, Type},
};

use super::{slot, soa};
use crate::{
    cluster::{Cluster, Model},
    image::{NameServerRecords, Zones},
};

/// Seconds. Which load balancers there are changes with the configuration only.
const NAME_SERVER_TTL: u32 = 3600;

/// The zones of a model; `serials` are those of its clusters.
pub(super) fn zones(model: &Model, serials: &[Option<u32>]) -> Zones {
    let mut zones =
        Zones { identity: model.identity.clone(), version: model.version.clone(), ..Zones::default() };
    let empty = empty_non_terminals(model);
    for (index, (cluster, empty)) in model.clusters.iter().zip(&empty).enumerate() {
        let Some(serial) = super::serial(serials, index) else { continue };
        // The configuration admits no other names.
        let Some((wire, length)) = name::to_wire(&cluster.name) else { continue };
        for view in model.view_identifiers() {
            let records = name_servers(cluster, length, view);
            zones.name_servers.insert((wire, view.to_be_bytes()), records);
            for (name, set) in below(cluster, empty, &wire[..length], view, serial) {
                zones.below.insert((name, view), set);
            }
        }
    }
    zones
}

/// A pointer to what begins `offset` bytes behind the beginning of the question's name.
pub(super) fn pointer(offset: usize) -> [u8; 2] {
    (u16::from_be_bytes(QUESTION_NAME) + offset as u16).to_be_bytes()
}

/// The records behind a question for the zone's own name, which has `length` bytes.
fn name_servers(cluster: &Cluster, length: usize, view: u32) -> NameServerRecords {
    let mut made = NameServerRecords::default();
    for server in &cluster.name_servers {
        let label = server.name.as_bytes();
        let data = [&[label.len() as u8], label, &QUESTION_NAME].concat();
        let head = RecordHead::of_question(Type::NS, NAME_SERVER_TTL, data.len() as u16);
        made.records.extend_from_slice(bytemuck::bytes_of(&head));
        let name = pointer(length + size_of::<QuestionTail>() + made.records.len());
        made.records.extend_from_slice(&data);
        made.record_count += 1;
        for address in server.handed_out(view) {
            let (r#type, data) = match address {
                IpAddr::V4(address) => (Type::A, address.octets().to_vec()),
                IpAddr::V6(address) => (Type::AAAA, address.octets().to_vec()),
            };
            let head = RecordHead {
                owner: name,
                r#type,
                class: IN,
                ttl: NAME_SERVER_TTL.to_be_bytes(),
                length: (data.len() as u16).to_be_bytes(),
            };
            made.glue.extend_from_slice(bytemuck::bytes_of(&head));
            made.glue.extend_from_slice(&data);
            made.glue_count += 1;
        }
    }
    made
}

/// The names below a zone's, in wire form: those of its name servers, and those that are `empty`.
fn below(
    cluster: &Cluster,
    empty: &[&str],
    zone: &[u8],
    view: u32,
    serial: u32,
) -> Vec<(Vec<u8>, AnswerSet)> {
    let named = |labels: &str, ttl, addresses: &[IpAddr]| {
        let name = [to_labels(labels), zone.to_vec()].concat();
        let offset = name.len() - zone.len();
        let negative = soa::negative(offset, cluster, serial);
        let set = slot::plain([0; name::MAX_LENGTH], view, ttl, addresses, negative);
        (name, set)
    };
    let servers = cluster
        .name_servers
        .iter()
        .map(|server| named(&server.name, NAME_SERVER_TTL, server.handed_out(view)));
    let empty: Vec<_> = empty.iter().map(|labels| named(labels, cluster.ttl, &[])).collect();
    // A name server that has the name of an empty non-terminal has addresses.
    empty.into_iter().chain(servers).collect()
}

/// By cluster, the labels before the zone's name of names that exist only because others exist below them (RFC 8020 2).
fn empty_non_terminals(model: &Model) -> Vec<Vec<&str>> {
    let numbers: HashMap<&str, usize> =
        model.clusters.iter().enumerate().map(|(number, cluster)| (cluster.name.as_str(), number)).collect();
    let mut empty = vec![Vec::new(); model.clusters.len()];
    for name in model.clusters.iter().map(|cluster| cluster.name.as_str()) {
        let above = || name.match_indices('.').filter_map(|(dot, _)| name.get(dot + 1..));
        // What is above that one is of another zone, or of none.
        let Some((zone, number)) = above().find_map(|name| Some((name, *numbers.get(name)?))) else {
            continue;
        };
        let between = above().take_while(|name| *name != zone);
        empty[number].extend(between.filter_map(|name| name.strip_suffix(zone)?.strip_suffix('.')));
    }
    empty
}

/// Labels in wire form, without the root.
fn to_labels(text: &str) -> Vec<u8> {
    text.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect()
}
