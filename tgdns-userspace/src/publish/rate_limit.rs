//! How often a network is answered, as the tables have it.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher as _, RandomState},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::LazyLock,
};

use bytemuck::Zeroable as _;
use ipnet::IpNet;
use tgdns_common::{
    rate::{self, Exempt, FRACTION_BITS},
    tables::limited,
};

use super::services::mapped;
use crate::{cluster::RateLimit, heartbeat, netlink::ServiceAddress};

/// Of the fast path's queries.
const PORT: u16 = 53;

/// The same as long as the controller runs, so that a publication moves no network to another bucket.
static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));

/// Whether all that is passed up comes to the controller's own sockets: nobody else can be listening on a service address.
pub(super) fn covered(listen: &[SocketAddr], services: &BTreeSet<ServiceAddress>) -> bool {
    let listens = |address: IpAddr| {
        let any: IpAddr = match address {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        [any, address].iter().any(|address| listen.contains(&SocketAddr::new(*address, PORT)))
    };
    !listen.is_empty() && services.iter().all(|service| listens(service.address))
}

/// Those of `Settings::limited`.
pub(super) fn bits(limit: &RateLimit, covered: bool) -> u8 {
    let of = |bit, is_set| if is_set { bit } else { 0 };
    limited::ANSWERS | of(limited::PASSED, covered) | of(limited::PRIVATE, !limit.exempt_private)
}

/// Where the sockets are not `covered`, nobody is told to ask over TCP: nobody may be there, or somebody else.
pub(super) fn rate_limit(limit: &RateLimit, covered: bool) -> rate::RateLimit {
    // What is saved up in a second may come at once.
    let burst = heartbeat::ticks_in_second() << FRACTION_BITS;
    let mut exempt = [Exempt::default(); rate::MOST_EXEMPT];
    for (place, network) in exempt.iter_mut().zip(&limit.exempt) {
        *place = exempted(network);
    }
    rate::RateLimit {
        interval: (burst / limit.responses_per_second).to_be_bytes(),
        tolerance: burst.to_be_bytes(),
        ipv4_mask: u32::MAX.checked_shl(32 - u32::from(limit.ipv4_prefix)).unwrap_or(0).to_be_bytes(),
        ipv6_mask: mask(limit.ipv6_prefix),
        seed: SEED.to_be_bytes(),
        slip: if covered { limit.slip } else { 0 },
        exempt_count: limit.exempt.len().min(rate::MOST_EXEMPT) as u8,
        exempt,
        ..rate::RateLimit::zeroed()
    }
}

fn exempted(network: &IpNet) -> Exempt {
    let length = match network {
        IpNet::V4(network) => 96 + network.prefix_len(),
        IpNet::V6(network) => network.prefix_len(),
    };
    Exempt { address: mapped(network.network()), mask: mask(length) }
}

fn mask(length: u8) -> [u8; 16] {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0).to_be_bytes()
}

#[cfg(test)]
mod tests;
