//! How often a network is answered, as the tables have it.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::LazyLock,
};

use bytemuck::Zeroable as _;
use ipnet::IpNet;
use tgdns_common::rate::{self, Exempt, FRACTION_BITS};

use super::services::mapped;
use crate::{cluster::RateLimit, heartbeat};

/// The same as long as the controller runs, so that a publication moves no network to another bucket.
static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));

pub(super) fn rate_limit(limit: &RateLimit) -> rate::RateLimit {
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
        slip: limit.slip,
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
