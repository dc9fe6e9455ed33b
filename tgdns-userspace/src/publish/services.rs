//! Where the table of service addresses has each of them.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use tgdns_common::tables::{Address, Copies, Service, capacity};

use crate::{cuckoo, netlink::ServiceAddress};

/// Two to the power of this are the entries of a copy of `SERVICES`.
const SERVICES_BITS: u8 = capacity::SERVICES.ilog2() as u8;

/// The table, in one copy.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) copies: Copies,
    pub(super) entries: Arc<[Service]>,
}

pub(super) fn table(services: &BTreeSet<ServiceAddress>) -> Table {
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
    let places = |key: usize, seed| copies.positions_in(0, entries[key].key().hash(seed));
    let Some(placement) = cuckoo::place(entries.len(), 1 << SERVICES_BITS, places) else {
        tracing::error!(
            "the service addresses found no place in their table: the fast path answers none of them"
        );
        return Table { copies, entries: vec![Service::default(); 1 << SERVICES_BITS].into() };
    };
    copies.seeds = [placement.seed.to_be_bytes(); 2];
    let entry = |key: &Option<usize>| key.map_or(Service::default(), |key| entries[key]);
    Table { copies, entries: placement.keys.iter().map(entry).collect() }
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

/// An IPv4 address is mapped into IPv6.
pub(super) fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => Address::from_ipv4(address.octets()).to_bytes(),
        IpAddr::V6(address) => address.octets(),
    }
}
