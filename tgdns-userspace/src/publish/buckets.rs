//! Clients to servers, so that losing one of n servers moves its own clients and no others: rendezvous hashing.
//!
//! C. Schindelhauer, G. Schomaker, "Weighted Distributed Hash Tables", 2005. All load balancers choose alike, as nothing but the
//! configuration and who is live goes into it.
//!
//! What a server draws for a bucket depends on nobody else, which is what keeps buckets where they are whoever comes or goes. So
//! a server's buckets are as many as its weight says on average over servers' names; of those of one name the standard deviation is
//! 9 of 341 with three equal servers, 3 of 16 with 64. It would be half as much again, at least, were the draws independent: each
//! server draws one number from each of as many equal stretches as there are buckets (a Latin hypercube).

use tgdns_common::tables::BUCKETS;

use super::draws::{Draws, Winners};

/// Somebody who may get buckets.
pub(super) struct Bidder<'n> {
    /// The same on all load balancers, in all views.
    pub(super) name: &'n str,
    /// Of the addresses of that name.
    pub(super) number: usize,
    /// Not 0.
    pub(super) weight: u64,
}

impl Bidder<'_> {
    /// What it draws from.
    pub(super) fn seed(&self) -> u64 {
        mix(hash(self.name) ^ self.number as u64)
    }
}

/// Who gets each bucket, of bidders with what a bucket costs them and their weights: whoever it costs least by weight, the first
/// one of equals.
pub(super) fn winners<'c>(bidders: impl Iterator<Item = (&'c [f32; BUCKETS], u64)>) -> Winners {
    let (mut winners, mut least) = ([0; BUCKETS], [f64::INFINITY; BUCKETS]);
    for (place, (costs, weight)) in bidders.enumerate() {
        let weight = weight as f64;
        for ((winner, least), cost) in winners.iter_mut().zip(&mut least).zip(costs) {
            let cost = f64::from(*cost) / weight;
            if cost < *least {
                (*winner, *least) = (place as u8, cost);
            }
        }
    }
    winners
}

/// What each bucket costs somebody whose weight is 1: exponentially distributed. Whoever has another weight pays the part of it.
pub(super) fn costs(seed: u64) -> [f32; BUCKETS] {
    let draws: [u64; BUCKETS] = std::array::from_fn(|bucket| mix(seed ^ mix(bucket as u64)));
    let mut buckets: [usize; BUCKETS] = std::array::from_fn(|bucket| bucket);
    buckets.sort_unstable_by_key(|bucket| draws[*bucket]);
    let mut costs = [0.0; BUCKETS];
    for (stretch, bucket) in buckets.into_iter().enumerate() {
        // The place within the stretch, neither of whose ends it is.
        let place = (draws[bucket] as u32 as f64 + 0.5) / (1_u64 << 32) as f64;
        costs[bucket] = -((stretch as f64 + place) / BUCKETS as f64).ln() as f32;
    }
    costs
}

/// By server, in the order of its address in the table: the part of the buckets whose answers, of so many addresses, have it.
/// Each has a name, a weight other than 0, and one address.
pub(crate) fn shares(servers: &[(&str, u64)], size: usize, draws: &Draws) -> Vec<f64> {
    let bidders = servers.iter().map(|(name, weight)| Bidder { name, number: 0, weight: *weight });
    let mut counts = vec![0_u32; servers.len()];
    for begin in draws.winners(&bidders.collect::<Vec<_>>()) {
        let window = (0..servers.len()).cycle().skip(begin.into()).take(size.min(servers.len()));
        for place in window {
            counts.iter_mut().skip(place).take(1).for_each(|count| *count += 1);
        }
    }
    counts.into_iter().map(|count| f64::from(count) / BUCKETS as f64).collect()
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

    fn winners_of(servers: &[(String, u64)]) -> Vec<String> {
        let bidders: Vec<Bidder<'_>> =
            servers.iter().map(|(name, weight)| Bidder { name, number: 0, weight: *weight }).collect();
        Draws::default()
            .winners(&bidders)
            .iter()
            .map(|place| servers[usize::from(*place)].0.clone())
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn losing_a_server_moves_its_own_buckets_alone(
            weights in prop::collection::vec(1..50_u64, 2..=64), lost in any::<prop::sample::Index>(),
        ) {
            let mut servers: Vec<(String, u64)> =
                weights.iter().enumerate().map(|(number, weight)| (format!("s-{number}"), *weight)).collect();
            let before = winners_of(&servers);
            let (lost, _) = servers.remove(lost.index(servers.len()));
            let after = winners_of(&servers);
            for (before, after) in before.iter().zip(&after) {
                prop_assert!(before == after || *before == lost);
            }
        }
    }

    /// Over the names of 200 clusters' servers: by weight on average, and evener than independent draws.
    #[test]
    fn buckets_are_drawn_by_weight() {
        const CLUSTERS: usize = 200;
        const WEIGHTS: [u64; 3] = [1, 2, 5];
        // Of the chi-square distribution with 400 degrees of freedom: independent draws are below it once in 1000 times.
        const SELDOM: f64 = 317.0;
        let (mut chi_square, mut means) = (0.0, [0.0; 3]);
        for cluster in 0..CLUSTERS {
            let names: Vec<String> = WEIGHTS.iter().map(|weight| format!("c{cluster}-{weight}")).collect();
            let servers: Vec<(&str, u64)> = names.iter().map(String::as_str).zip(WEIGHTS).collect();
            let shares = shares(&servers, 1, &Draws::default());
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{shares:?}");
            for ((share, weight), mean) in shares.iter().zip(WEIGHTS).zip(&mut means) {
                let (count, expected) = (share * BUCKETS as f64, (BUCKETS as u64 * weight) as f64 / 8.0);
                chi_square += (count - expected).powi(2) / expected;
                *mean += (count - expected) / CLUSTERS as f64;
            }
        }
        assert!(chi_square < SELDOM, "{chi_square}");
        // Buckets beyond those that the weight says; the standard deviation of the mean is below 1.
        assert!(means.iter().all(|mean| mean.abs() < 3.0), "{means:?}");
    }

    #[test]
    fn shares_are_those_of_the_buckets() {
        let servers: Vec<(String, u64)> = (1..=4_u64).map(|weight| (format!("s-{weight}"), weight)).collect();
        let winners = winners_of(&servers);
        let part = |names: &[usize]| {
            let is_one = |winner: &&String| names.iter().any(|place| servers[*place].0 == **winner);
            winners.iter().filter(is_one).count() as f64 / BUCKETS as f64
        };
        let named: Vec<(&str, u64)> = servers.iter().map(|(name, weight)| (name.as_str(), *weight)).collect();
        let draws = Draws::default();
        assert_eq!(shares(&named, 1, &draws), [part(&[0]), part(&[1]), part(&[2]), part(&[3])]);
        // An answer goes on with the next address, after the last one with the first.
        assert_eq!(shares(&named, 2, &draws), [part(&[3, 0]), part(&[0, 1]), part(&[1, 2]), part(&[2, 3])]);
        assert_eq!(shares(&named, 9, &draws), [1.0; 4]);
        assert_eq!(shares(&[], 1, &draws), [0.0; 0]);
    }
}
