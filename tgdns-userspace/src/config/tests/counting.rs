//! Counting, against a plain model of it: the bits of the base plus the index.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::super::{count::Places, leaf::Base};

#[test]
fn counts_like_numbers() {
    let mut random = fastrand::Rng::with_seed(0x7467_646e_7321);
    let (mut counted, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let count = random.u32(1..=64);
        // Near the end of its /24 or /64 in half of all cases, so that both verdicts are frequent.
        let near_end = random.bool();
        let (first, length) = if random.bool() {
            let bits = u32::from_be_bytes([random.u8(1..=223), random.u8(..), random.u8(..), random.u8(..)]);
            let bits = if near_end { bits | 0xe0 } else { bits };
            (IpAddr::from(Ipv4Addr::from(bits)), random.u8(8..=32))
        } else {
            let bits = (random.u128(..) >> 8) | (0xfd << 120);
            let bits = if near_end { bits | 0xffff_ffff_ffff_ffe0 } else { bits };
            (IpAddr::from(Ipv6Addr::from(bits)), random.u8(48..=128))
        };
        let network = IpNet::new(first, length).unwrap();
        let last = bits(first) + u128::from(count) - 1;
        let fits = last <= bits(network.broadcast());
        match count_up(first, network, count) {
            Ok(addresses) => {
                assert!(fits, "{first}/{length} counted to {count}");
                let expected: Vec<u128> = (bits(first)..=last).collect();
                assert_eq!(addresses.iter().copied().map(bits).collect::<Vec<_>>(), expected);
                assert!(addresses.iter().all(|address| address.is_ipv4() == first.is_ipv4()));
                counted += 1;
            }
            Err(cause) => {
                assert!(!fits, "{first}/{length} by {count}: {cause}");
                refused += 1;
            }
        }
    }
    assert!(counted > 1000 && refused > 1000, "{counted} counted, {refused} refused");
}

fn count_up(address: IpAddr, network: IpNet, count: u32) -> Result<Vec<IpAddr>, String> {
    let base = Base { address, network, network_is_given: false };
    let is_hole = vec![false; usize::try_from(count).unwrap()];
    Places { step: 1, is_hole }.addresses(&base)
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

#[track_caller]
fn check_cause(first: &str, length: u8, count: u32, expected: &str) {
    let first: IpAddr = first.parse().unwrap();
    assert_eq!(count_up(first, IpNet::new(first, length).unwrap(), count).unwrap_err(), expected);
}

/// The prefix that the message offers is the smallest that makes the counting right.
#[test]
fn causes() {
    check_cause(
        "10.0.0.250",
        24,
        7,
        "counting 7 addresses from 10.0.0.250 reaches 10.0.1.0, outside of 10.0.0.0/24; start lower, count \
         fewer, or write the network's own prefix, such as \"10.0.0.250/23\"",
    );
    check_cause(
        "255.255.255.250",
        0,
        7,
        "counting 7 addresses from 255.255.255.250 runs past the end of the IPv4 address space: start lower or \
         count fewer",
    );
    check_cause(
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        0,
        2,
        "counting 2 addresses from ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff runs past the end of the IPv6 address \
         space: start lower or count fewer",
    );
}
