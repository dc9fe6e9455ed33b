//! Clients to servers, so that losing one of n servers moves its own clients and no others: rendezvous hashing.
//!
//! C. Schindelhauer, G. Schomaker, "Weighted Distributed Hash Tables", 2005. All load balancers choose alike, as nothing but the
//! configuration and who is live goes into it.

use tgdns_common::tables::BUCKETS;

/// Somebody who may get buckets.
pub(super) struct Bidder<'n> {
    /// The same on all load balancers, in all views.
    pub(super) name: &'n str,
    /// Of the addresses of that name.
    pub(super) number: usize,
    /// Not 0.
    pub(super) weight: u64,
}

/// Who of the bidders gets each bucket.
pub(super) fn buckets(bidders: &[Bidder<'_>]) -> [u8; BUCKETS] {
    let hashes: Vec<(u64, f64)> = bidders
        .iter()
        .map(|bidder| (mix(hash(bidder.name) ^ bidder.number as u64), 1.0 / bidder.weight as f64))
        .collect();
    std::array::from_fn(|bucket| {
        let cost = |(hash, rarity): &(u64, f64)| {
            // Between 0 and 1, and neither of them.
            let draw = ((mix(hash ^ mix(bucket as u64)) >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
            -draw.ln() * rarity
        };
        let costs = hashes.iter().map(cost);
        let cheapest = costs.enumerate().min_by(|(_, one), (_, other)| one.total_cmp(other));
        cheapest.map_or(0, |(place, _)| place as u8)
    })
}

/// FNV-1a.
pub(super) fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// Spreads the bits of a number (the finaliser of D. Stafford's variant 13 of MurmurHash3).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn winners(servers: &[(String, u64)]) -> Vec<String> {
        let bidders: Vec<Bidder<'_>> =
            servers.iter().map(|(name, weight)| Bidder { name, number: 0, weight: *weight }).collect();
        buckets(&bidders).iter().map(|place| servers[usize::from(*place)].0.clone()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn losing_a_server_moves_its_own_buckets_alone(
            weights in prop::collection::vec(1..50_u64, 2..=64), lost in any::<prop::sample::Index>(),
        ) {
            let mut servers: Vec<(String, u64)> =
                weights.iter().enumerate().map(|(number, weight)| (format!("s-{number}"), *weight)).collect();
            let before = winners(&servers);
            let (lost, _) = servers.remove(lost.index(servers.len()));
            let after = winners(&servers);
            for (before, after) in before.iter().zip(&after) {
                prop_assert!(before == after || *before == lost);
            }
        }
    }

    /// The standard deviation of a bucket count is about 16 here.
    #[test]
    fn buckets_are_shared_out_by_weight() {
        let servers = [("one".to_owned(), 1), ("two".to_owned(), 2), ("five".to_owned(), 5)];
        let winners = winners(&servers);
        for (name, weight) in servers {
            let count = winners.iter().filter(|winner| **winner == name).count();
            assert!(count.abs_diff(BUCKETS * weight as usize / 8) < 60, "{name}: {count}");
        }
    }
}
