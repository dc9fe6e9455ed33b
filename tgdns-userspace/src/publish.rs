//! From the model and its live servers to the tables: pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use tgdns_common::{
    name,
    tables::{self, Address, Copies, LAYOUT, Service, Settings, capacity, options},
};

use crate::{
    cluster::Model,
    cuckoo,
    image::{Image, Prefixes, Slot},
    netlink::ServiceAddress,
    selection::Chosen,
};

mod buckets;
mod columns;
pub mod family;
mod prefix;
mod rate_limit;
mod rows;
mod slot;
mod soa;
mod stale;
mod zone;

pub(crate) use buckets::shares as bucket_shares;
pub use prefix::prefixes;
pub(crate) use soa::serial as serial_of;

/// Two to the power of this are the entries of a copy of `INDEX`.
const INDEX_BITS: u8 = capacity::INDEX.ilog2() as u8;
/// The same of `SERVICES`.
const SERVICES_BITS: u8 = capacity::SERVICES.ilog2() as u8;

/// The tables that say what is to be answered now. All are by cluster: who is `chosen`; the `serials` of the zones, none for a
/// cluster that is to be left out; and `ttls`, the seconds that addresses may be kept where that is not as configured. The
/// [`prefixes`] are the model's, and the same for all its images.
pub fn image(
    model: &Model,
    prefixes: &Arc<Prefixes>,
    chosen: &[Chosen],
    services: &BTreeSet<ServiceAddress>,
    serials: &[Option<u32>],
    ttls: &[u32],
) -> Image {
    let answers = answer_sets(model, chosen, serials, ttls);
    let (names, index) = index(&answers);
    let (service_copies, services) = place_services(services);
    let settings = Settings {
        stale_at: [0; 8],
        names,
        services: service_copies,
        has_views: u8::from(!prefixes.as_slice().is_empty()),
        layout: LAYOUT,
        options: options(model),
        when_stale: stale::view_byte(model.when_stale),
        is_limited: u8::from(model.rate_limit.is_some()),
        reserved: [0; 3],
    };
    let zones = zone::zones(model, serials);
    let prefixes = Arc::clone(prefixes);
    let rate_limit = model.rate_limit.as_ref().map(rate_limit::rate_limit);
    let (freshness, turns) = Default::default();
    Image { settings, services, index, answers, prefixes, zones, rate_limit, freshness, turns }
}

/// What only the sockets tell is left to them where there are some.
fn options(model: &Model) -> u8 {
    let nsid = if model.identity.is_empty() { 0 } else { options::NSID };
    let cookie = if model.cookie_secret.is_none() { 0 } else { options::COOKIE };
    if model.listen.is_empty() { 0 } else { nsid | cookie }
}

/// Of the zone of a cluster; nothing where that is left out.
fn serial(serials: &[Option<u32>], cluster: usize) -> Option<u32> {
    serials.get(cluster).copied().unwrap_or(Some(1))
}

/// Why a model does not fit into the tables; nothing where it does.
pub fn excess(model: &Model) -> Option<String> {
    let (clusters, views) = (model.clusters.len(), model.view_identifiers().count());
    // While they are replaced there are both.
    let most = (capacity::ANSWERS - 1) / 2 / stale::sets(model.when_stale);
    let prefixes = prefixes(model).as_slice().len();
    if clusters * views > most {
        let remedy = match stale::sets(model.when_stale) {
            1 => "use fewer clusters or views",
            _ => "use fewer clusters or views, or `when_stale = \"hold\"`, which takes half of the room",
        };
        Some(format!(
            "{clusters} clusters seen through {views} views are {} answer sets, and the maps hold {most}: {remedy}",
            clusters * views
        ))
    } else if prefixes > capacity::PREFIXES {
        Some(format!(
            "the views have {prefixes} client prefixes, and the map holds {}: aggregate them",
            capacity::PREFIXES
        ))
    } else {
        alike(model).map(|clusters| {
            format!(
                "the names of the clusters {} have the same sum, and the map has places for two such names: rename one",
                clusters.join(", ")
            )
        })
    }
}

/// More than two names that only their comparison tells apart, if there are any.
fn alike(model: &Model) -> Option<Vec<&str>> {
    let mut by_sum: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for cluster in &model.clusters {
        if let Some((wire, _)) = name::to_wire(&cluster.name) {
            by_sum.entry(name_sum(&wire)).or_default().push(&cluster.name);
        }
    }
    by_sum.into_values().find(|names| names.len() > 2)
}

fn answer_sets(model: &Model, chosen: &[Chosen], serials: &[Option<u32>], ttls: &[u32]) -> Vec<Slot> {
    let (mut slots, mut stale_slots) = (Vec::new(), Vec::new());
    for (index, (cluster, chosen)) in model.clusters.iter().zip(chosen).enumerate() {
        let Some(serial) = serial(serials, index) else { continue };
        let ttl = ttls.get(index).copied().unwrap_or(cluster.ttl);
        for view in model.view_identifiers() {
            // The configuration admits no other names.
            if let Some((wire, _)) = name::to_wire(&cluster.name) {
                let negative = soa::negative(0, cluster, serial);
                let slot = slot::slot(wire, (view, ttl), cluster, chosen, negative);
                stale_slots.extend(stale::slot(&slot, model.when_stale, cluster, chosen));
                slots.push(slot);
            }
        }
    }
    slots.append(&mut stale_slots);
    slots
}

fn index(answers: &[Slot]) -> (Copies, Vec<u32>) {
    let mut copies = Copies { bits: INDEX_BITS, ..Copies::default() };
    let sums: Vec<u64> = answers.iter().map(|slot| name_sum(bytemuck::cast_ref(&slot.set.name))).collect();
    let views: Vec<u32> = answers.iter().map(|slot| u32::from_be_bytes(slot.set.view)).collect();
    let places = |key: usize, seed| copies.positions_in(0, tables::name_hash(sums[key], views[key], seed));
    let Some(placement) = cuckoo::place(answers.len(), 1 << INDEX_BITS, places) else {
        // `excess` sees to it that less than half of the table is in use, and no more than two keys are alike.
        tracing::error!("the clusters' names found no place in their table: none of them is answered");
        return (copies, vec![0; 1 << INDEX_BITS]);
    };
    copies.seeds = [placement.seed.to_be_bytes(); 2];
    (copies, placement.keys.iter().map(|key| key.map_or(0, |key| key as u32 + 1)).collect())
}

fn name_sum(wire: &[u8; name::MAX_LENGTH]) -> u64 {
    tables::name_sum(&name::words(wire), name::length(wire))
}

fn place_services(services: &BTreeSet<ServiceAddress>) -> (Copies, Vec<Service>) {
    let mut copies = Copies { bits: SERVICES_BITS, ..Copies::default() };
    // Two interfaces may have the same address, MAC and tags; a frame is as well answered once.
    let mut entries: Vec<Service> = services.iter().map(service).collect();
    entries.sort_unstable_by(|one, other| bytemuck::bytes_of(one).cmp(bytemuck::bytes_of(other)));
    entries.dedup();
    let most = (1 << SERVICES_BITS) / 2;
    if entries.len() > most {
        tracing::warn!(
            "the interfaces have {} addresses, and the map holds {most}: queries to the others go to the slow path",
            entries.len()
        );
        entries.truncate(most);
    }
    let services = entries;
    let places = |key: usize, seed| copies.positions_in(0, services[key].key().hash(seed));
    let Some(placement) = cuckoo::place(services.len(), 1 << SERVICES_BITS, places) else {
        tracing::error!(
            "the service addresses found no place in their table: the fast path answers none of them"
        );
        return (copies, vec![Service::default(); 1 << SERVICES_BITS]);
    };
    copies.seeds = [placement.seed.to_be_bytes(); 2];
    (copies, placement.keys.iter().map(|key| key.map_or(Service::default(), |key| services[key])).collect())
}

fn service(service: &ServiceAddress) -> Service {
    let vlan = |index: usize| service.vlan_tags.get(index).copied().unwrap_or(0).to_be_bytes();
    Service {
        address: mapped(service.address),
        mac: service.mac,
        vlans: [vlan(0), vlan(1)],
        family: if service.address.is_ipv4() { 4 } else { 6 },
        reserved: 0,
    }
}

fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => Address::from_ipv4(address.octets()).to_bytes(),
        IpAddr::V6(address) => address.octets(),
    }
}

#[cfg(test)]
mod tests;
