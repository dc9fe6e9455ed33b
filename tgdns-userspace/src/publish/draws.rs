//! What servers draw for the buckets of clients, drawn once for each server of a configuration.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tgdns_common::tables::BUCKETS;

use super::buckets::{self, Bidder};

/// Who gets each bucket, by the place among the bidders.
pub(super) type Winners = [u8; BUCKETS];

/// Four kilobytes for each address of a server in a cluster that is sticky.
#[derive(Debug, Default)]
pub(crate) struct Draws(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By what they are drawn from: [`Bidder::seed`].
    costs: HashMap<u64, Box<[f32; BUCKETS]>>,
    /// The last bidders, by seed and weight, and who of them got each bucket: a cluster's views mostly are shown the same ones.
    last: Option<(Vec<(u64, u64)>, Winners)>,
}

impl Draws {
    /// Who of the bidders gets each bucket.
    pub(super) fn winners(&self, bidders: &[Bidder<'_>]) -> Winners {
        // Whoever has panicked has changed nothing that would be wrong.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bidders: Vec<(u64, u64)> = bidders.iter().map(|bidder| (bidder.seed(), bidder.weight)).collect();
        if let Some((last, winners)) = &known.last
            && *last == bidders
        {
            return *winners;
        }
        for (seed, _) in &bidders {
            known.costs.entry(*seed).or_insert_with(|| Box::new(buckets::costs(*seed)));
        }
        let costs = |seed: &u64| known.costs.get(seed).map(|costs| costs.as_ref());
        let winners =
            buckets::winners(bidders.iter().filter_map(|(seed, weight)| Some((costs(seed)?, *weight))));
        known.last = Some((bidders, winners));
        winners
    }
}
