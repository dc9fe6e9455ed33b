//! Weights as columns that share out two places each, so that one number finds its place in one step.
//!
//! M. D. Vose, "A Linear Algorithm for Generating Random Numbers with a Given Distribution", 1991; in whole numbers.

use bytemuck::Zeroable as _;
use tgdns_common::tables::{Column, MAX_SERVERS};

/// The columns for places with weights, none of which is 0. The shares are right to 2 to the power of -32 of a column.
pub(super) fn columns(weights: &[(u8, u64)]) -> (u8, [Column; MAX_SERVERS]) {
    let mut columns = [Column::zeroed(); MAX_SERVERS];
    let weights = weights.get(..MAX_SERVERS).unwrap_or(weights);
    let count = weights.len() as u128;
    let total: u128 = weights.iter().map(|(_, weight)| u128::from(*weight)).sum();
    // A column holds as much as all weights together, in units of which a place has `count` times its weight.
    let mut rests: Vec<(u8, u128)> =
        weights.iter().map(|(place, weight)| (*place, u128::from(*weight) * count)).collect();
    let (mut small, mut large): (Vec<usize>, Vec<usize>) =
        (0..weights.len()).partition(|index| rests.get(*index).is_some_and(|(_, rest)| *rest < total));
    let mut made = columns.iter_mut();
    while let Some(one) = small.pop() {
        let (Some((below, rest)), Some(donor)) = (rests.get(one).copied(), large.last().copied()) else {
            break;
        };
        let Some((above, of_donor)) = rests.get_mut(donor) else { break };
        if let Some(column) = made.next() {
            let threshold = ((rest << 32) / total.max(1)) as u32;
            *column = Column { threshold: threshold.to_be_bytes(), below, above: *above, reserved: [0; 2] };
        }
        *of_donor -= total - rest;
        if *of_donor < total {
            large.pop();
            small.push(donor);
        }
    }
    // What is left fills its columns: all arithmetic is exact.
    for (place, column) in large.iter().filter_map(|index| rests.get(*index)).zip(made) {
        *column = Column { threshold: [0; 4], below: place.0, above: place.0, reserved: [0; 2] };
    }
    (weights.len() as u8, columns)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What each place has of the columns, in parts of 2 to the power of 32 of one.
    fn shares(count: u8, columns: &[Column]) -> [u64; 256] {
        let mut shares = [0; 256];
        for column in &columns[..usize::from(count)] {
            let threshold = u64::from(u32::from_be_bytes(column.threshold));
            shares[usize::from(column.below)] += threshold;
            shares[usize::from(column.above)] += (1 << 32) - threshold;
        }
        shares
    }

    proptest! {
        #[test]
        fn columns_decode_to_the_weights(weights in prop::collection::vec(1..10_000_000_u64, 1..=64)) {
            let places: Vec<(u8, u64)> =
                weights.iter().enumerate().map(|(place, weight)| (place as u8 * 2, *weight)).collect();
            let (count, columns) = columns(&places);
            prop_assert_eq!(usize::from(count), weights.len());
            let total: u64 = weights.iter().sum();
            let shares = shares(count, &columns);
            for (place, weight) in &places {
                let exact = ((u128::from(*weight) * u128::from(count)) << 32) / u128::from(total);
                let share = u128::from(shares[usize::from(*place)]);
                // Each column rounds once.
                prop_assert!(share.abs_diff(exact) <= u128::from(count), "{share} for {exact}");
            }
            prop_assert_eq!(shares.iter().sum::<u64>(), u64::from(count) << 32);
        }
    }

    #[test]
    fn equal_weights_fill_their_columns() {
        let (count, columns) = columns(&[(0, 5), (3, 5)]);
        let shares = shares(count, &columns);
        assert_eq!((count, shares[0], shares[3]), (2, 1 << 32, 1 << 32));
    }
}
