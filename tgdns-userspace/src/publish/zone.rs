//! What a zone has besides its addresses: name servers with their own, and empty non-terminals. Only the slow path
//! answers for these.

use std::{collections::HashMap, net::IpAddr};

use tgdns_common::{
    name,
    tables::AnswerSet,
    wire::dns::{IN, QUESTION_NAME, QuestionTail, RecordHead, Type},
};

use super::{
    slot::{self, Head},
    soa,
};
use crate::{
    cluster::{Cluster, Model},
    image::{NameServerRecords, Names, Zone, ZoneInView},
};

/// Seconds. Which load balancers there are changes with the configuration only.
const NAME_SERVER_TTL: u32 = 3600;

/// The zone of a model's cluster; `names` are the model's.
pub(super) fn zone(model: &Model, names: &Names, index: usize, cluster: &Cluster, serial: u32) -> Zone {
    // The configuration admits no other names.
    let Some((wire, length)) = name::to_wire(&cluster.name) else { return Zone::default() };
    let empty = names.empty.get(index).map_or(&[][..], Vec::as_slice);
    let of_view = |view| {
        let below = below(cluster, empty, &wire[..length], view, serial).collect();
        (view, ZoneInView { name_servers: name_servers(cluster, length, view), below })
    };
    Zone(model.view_identifiers().map(of_view).collect())
}

impl Names {
    pub(super) fn new(model: &Model) -> Self {
        let empty = empty_non_terminals(model);
        let mut names = Self::default();
        for (index, (cluster, empty)) in model.clusters.iter().zip(&empty).enumerate() {
            let Some((wire, length)) = name::to_wire(&cluster.name) else { continue };
            let servers = cluster.name_servers.iter().map(|server| server.name.as_str());
            let below = empty.iter().map(String::as_str).chain(servers);
            names.below.extend(below.map(|labels| (name_below(labels, &wire[..length]), index)));
            names.apexes.insert(wire[..length].to_vec(), index);
        }
        Self { empty, ..names }
    }
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
    empty: &[String],
    zone: &[u8],
    view: u32,
    serial: u32,
) -> impl Iterator<Item = (Vec<u8>, AnswerSet)> {
    let named = move |labels: &str, ttl, addresses: &[IpAddr]| {
        let name = name_below(labels, zone);
        let negative = soa::negative(name.len() - zone.len(), cluster, serial);
        let set = slot::plain(&Head::nameless(negative), view, ttl, addresses);
        (name, set)
    };
    let servers = cluster
        .name_servers
        .iter()
        .map(move |server| named(&server.name, NAME_SERVER_TTL, server.handed_out(view)));
    // A name server that has the name of an empty non-terminal has addresses.
    empty.iter().map(move |labels| named(labels, cluster.ttl, &[])).chain(servers)
}

fn name_below(labels: &str, zone: &[u8]) -> Vec<u8> {
    [to_labels(labels), zone.to_vec()].concat()
}

/// By cluster, the labels before the zone's name of names that exist only because others exist below them (RFC 8020 2).
fn empty_non_terminals(model: &Model) -> Vec<Vec<String>> {
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
        let labels = between.filter_map(|name| name.strip_suffix(zone)?.strip_suffix('.'));
        empty[number].extend(labels.map(str::to_owned));
    }
    empty
}

/// Labels in wire form, without the root.
fn to_labels(text: &str) -> Vec<u8> {
    text.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect()
}
