//! Counting addresses up from a base, as parts do with their servers' own addresses and aliases.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::leaf::{Base, refuse};

/// `count` consecutive addresses from a base on, or why they can't be had.
pub(super) fn addresses(base: &Base, count: u32) -> Result<Vec<IpAddr>, String> {
    let Base { address: first, network } = base;
    let last = count.checked_sub(1).and_then(|steps| step(*first, steps));
    let Some(last) = last else {
        let family = if first.is_ipv4() { "IPv4" } else { "IPv6" };
        return Err(format!(
            "counting {count} addresses from {first} runs past the end of the {family} address space: \
             start lower or count fewer"
        ));
    };
    if !network.contains(&last) {
        return Err(format!(
            "counting {count} addresses from {first} reaches {last}, outside of {}; start lower, count fewer, or \
             write the network's own prefix, such as \"{first}/{}\"",
            network.trunc(),
            prefix_of_both(*first, last)
        ));
    }
    let counted = (0..count).filter_map(|index| step(*first, index)).collect::<Vec<_>>();
    match counted.iter().find_map(|address| Some((address, refuse(*address)?))) {
        Some((address, cause)) => Err(format!("counting from {first} reaches {address}, which {cause}")),
        None => Ok(counted),
    }
}

/// The address some steps after another one, if the address space has it.
fn step(from: IpAddr, steps: u32) -> Option<IpAddr> {
    match from {
        IpAddr::V4(v4) => u32::from(v4).checked_add(steps).map(|bits| Ipv4Addr::from(bits).into()),
        IpAddr::V6(v6) => u128::from(v6).checked_add(steps.into()).map(|bits| Ipv6Addr::from(bits).into()),
    }
}

/// The length of the smallest prefix that has both addresses.
fn prefix_of_both(first: IpAddr, last: IpAddr) -> u8 {
    let longest = if first.is_ipv4() { 32 } else { 128 };
    let has_both = |length: &u8| IpNet::new(first, *length).is_ok_and(|network| network.contains(&last));
    (0..=longest).rev().find(has_both).unwrap_or(0)
}
