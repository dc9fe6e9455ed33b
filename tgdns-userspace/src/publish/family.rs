//! The addresses of one family in an answer set, and where its answers begin.

use bytemuck::Zeroable as _;
use tgdns_common::tables::{BUCKETS, Begins, MAX_SERVERS, PLACES};

use super::{buckets::Bidder, columns::columns, draws::Draws, rows::rows};
use crate::cluster::{Answer, Select};

/// An address that is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weighed<'n, T> {
    pub(super) address: T,
    /// Not 0.
    pub(super) weight: u64,
    /// Whose it is.
    pub(super) server: &'n str,
}

/// One family of an answer set.
pub(super) struct Family<T> {
    pub(super) table: [T; PLACES + MAX_SERVERS],
    pub(super) count: u8,
    pub(super) limit: u8,
    /// None for rotation.
    pub(super) begins: Option<Begins>,
}

/// Whether subsets of a size, by weight, out of so many addresses have their places.
pub fn holds_rows(addresses: usize, size: usize) -> bool {
    size >= addresses || addresses.saturating_sub(1) * size < PLACES
}

pub(super) fn family<T: Copy + bytemuck::Zeroable>(
    addresses: &[Weighed<'_, T>],
    answer: Answer,
    select: Select,
    draws: &Draws,
) -> Family<T> {
    // The configuration admits no more.
    let addresses = &addresses[..addresses.len().min(MAX_SERVERS)];
    let count = addresses.len();
    let limit = match answer {
        Answer::All => count,
        Answer::One => count.min(1),
        Answer::Subset(size) => count.min(usize::from(size)),
    };
    let mut table = [T::zeroed(); PLACES + MAX_SERVERS];
    for (place, weighed) in table.iter_mut().zip(addresses.iter().chain(addresses)) {
        *place = weighed.address;
    }
    let begins = match select {
        _ if count < 2 => None,
        Select::Rotate => None,
        Select::Weighted if limit > 1 && limit < count && holds_rows(count, limit) => {
            Some(by_rows(addresses, limit, &mut table))
        }
        Select::Weighted => {
            let weights = (0..).zip(addresses).map(|(place, weighed)| (place, weighed.weight));
            Some(by_columns(&weights.collect::<Vec<_>>()))
        }
        Select::Sticky { .. } => Some(by_client(addresses, draws)),
    };
    Family { table, count: count as u8, limit: limit as u8, begins }
}

fn by_rows<T: Copy>(addresses: &[Weighed<'_, T>], size: usize, table: &mut [T]) -> Begins {
    let weights: Vec<u64> = addresses.iter().map(|weighed| weighed.weight).collect();
    let rows = rows(&weights, size);
    let places = rows.iter().flat_map(|row| &row.places).filter_map(|place| addresses.get(*place));
    for (place, weighed) in table.iter_mut().zip(places) {
        *place = weighed.address;
    }
    let begin = |index: usize| (index * size) as u8;
    let weights = rows.iter().enumerate().map(|(index, row)| (begin(index), row.weight));
    by_columns(&weights.collect::<Vec<_>>())
}

fn by_columns(weights: &[(u8, u64)]) -> Begins {
    let (count, columns) = columns(weights);
    Begins { count, reserved: [0; 3], columns, buckets: [0; BUCKETS] }
}

fn by_client<T>(addresses: &[Weighed<'_, T>], draws: &Draws) -> Begins {
    let mut bidders: Vec<Bidder<'_>> = Vec::with_capacity(addresses.len());
    for Weighed { server: name, weight, .. } in addresses {
        // A server's addresses follow each other.
        let number = bidders.last().filter(|last| last.name == *name).map_or(0, |last| last.number + 1);
        bidders.push(Bidder { name, number, weight: *weight });
    }
    Begins { buckets: draws.winners(&bidders), ..Begins::zeroed() }
}
