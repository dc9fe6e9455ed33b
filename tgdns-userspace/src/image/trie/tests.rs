use proptest::prelude::*;
use tgdns_common::tables::{Address, DEFAULT_VIEW};

use super::*;
use crate::image::Prefix;

/// Prefixes that lie within each other more often than not.
fn some() -> impl Strategy<Value = Vec<Prefix>> {
    let bits = prop_oneof![any::<u128>(), Just(0), Just(u128::MAX), Just(0x2001_0db8 << 96)];
    let length = prop_oneof![0..=128_u8, (0..=16_u8).prop_map(|bytes| bytes * 8)];
    let prefix = (any::<bool>(), bits, any::<u128>(), 0..=128_u32, length, 0..5_u32);
    prop::collection::vec(prefix, 0..60).prop_map(|all| {
        let mut known: Vec<Prefix> = Vec::new();
        for (is_ipv4, bits, others, kept, length, view) in all {
            let bits = bits ^ others.checked_shr(kept).unwrap_or(0);
            let (address, length) = match is_ipv4 {
                true => (0xffff << 32 | bits >> 96, 96 + length / 4),
                false => (bits, length),
            };
            let address = Area::around(address, length).first.to_be_bytes();
            if !known.iter().any(|prefix| (prefix.address, prefix.length) == (address, length)) {
                known.push(Prefix { address, length, view });
            }
        }
        known
    })
}

/// By a walk over all of them.
fn walked(prefixes: &[Prefix], address: u128) -> u32 {
    let holds = |prefix: &&Prefix| Area::around(address, prefix.length).first.to_be_bytes() == prefix.address;
    prefixes
        .iter()
        .filter(holds)
        .max_by_key(|prefix| prefix.length)
        .map_or(DEFAULT_VIEW, |prefix| prefix.view)
}

/// At both ends of each prefix and beside them, and anywhere.
fn clients(prefixes: &[Prefix], anywhere: Vec<u128>) -> impl Iterator<Item = u128> {
    let edges = prefixes.iter().flat_map(|prefix| {
        let area = Area { first: u128::from_be_bytes(prefix.address), length: prefix.length };
        [area.first, area.first.wrapping_sub(1), area.last(), area.last().wrapping_add(1)]
    });
    edges.collect::<Vec<_>>().into_iter().chain(anywhere)
}

#[track_caller]
fn check(prefixes: &[Prefix], anywhere: Vec<u128>) -> Table {
    let compiled = Prefixes::new(prefixes.to_vec());
    let table = compile(&compiled).expect("a small table");
    for client in clients(prefixes, anywhere) {
        let told = trie::view(Address::from_ipv6(client.to_be_bytes()), &table);
        assert_eq!(told, walked(prefixes, client), "{client:032x} of {prefixes:x?}");
    }
    assert_eq!(super::prefixes(&table).expect("a table"), compiled, "{prefixes:x?}");
    table
}

proptest! {
    #[test]
    fn the_longest_prefix_wins(prefixes in some(), anywhere in prop::collection::vec(any::<u128>(), 20)) {
        check(&prefixes, anywhere);
    }
}
