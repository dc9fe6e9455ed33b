//! Where the index has the answer sets of a configuration, whichever of them are in the tables.

use std::sync::Arc;

use tgdns_common::{
    name, stale,
    tables::{self, Copies},
};

use super::{INDEX_BITS, name_sum, stale::sets};
use crate::{cluster::Model, cuckoo};

/// Keys are numbered by cluster and, within one, by view; behind them all are those of the sets for stale answers, likewise.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) copies: Copies,
    /// For each place, the key that it is for.
    keys: Vec<Option<usize>>,
    views: usize,
}

impl Places {
    pub(super) fn new(model: &Model) -> Self {
        let views = model.view_identifiers().count();
        let of_cluster = |view_bit: u32| {
            model.clusters.iter().flat_map(move |cluster| {
                // The configuration admits no other names.
                let sum = name::to_wire(&cluster.name).map_or(0, |(wire, _)| name_sum(&wire));
                model.view_identifiers().map(move |view| (sum, view | view_bit))
            })
        };
        let view_bits = [0, stale::VIEW].into_iter().take(sets(model.when_stale));
        let keys: Vec<(u64, u32)> = view_bits.flat_map(of_cluster).collect();
        let mut copies = Copies { bits: INDEX_BITS, ..Copies::default() };
        let places = |key: usize, seed| {
            let (sum, view) = keys[key];
            copies.positions_in(0, tables::name_hash(sum, view, seed))
        };
        let Some(placement) = cuckoo::place(keys.len(), 1 << INDEX_BITS, places) else {
            // `excess` sees to it that less than half of the table is in use, and no more than two keys are alike.
            tracing::error!("the clusters' names found no place in their table: none of them is answered");
            return Self { copies, keys: vec![None; 1 << INDEX_BITS], views };
        };
        copies.seeds = [placement.seed.to_be_bytes(); 2];
        Self { copies, keys: placement.keys, views }
    }

    /// For each place of the index, one more than the place in the answers, or 0. `firsts` are where the clusters' sets begin
    /// there, and behind them those for stale answers; nothing of a cluster that is left out.
    pub(super) fn entries(&self, firsts: &[Option<usize>]) -> Arc<[u32]> {
        let place = |key: usize| {
            let first = firsts.get(key / self.views).copied().flatten()?;
            Some((first + key % self.views + 1) as u32)
        };
        self.keys.iter().map(|key| key.and_then(place).unwrap_or(0)).collect()
    }
}
