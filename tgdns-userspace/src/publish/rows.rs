//! Subsets by weight: rows of so many places each, with a weight of their own, so that each place is in as many answers as
//! its weight is of all, and in none twice.
//!
//! Systematic sampling: the weights lie around a circle, and points at equal distances choose. Turning the points goes
//! through at most as many rows as there are places.

/// A row of an answer, and how often it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The first one is told first.
    pub(super) places: Vec<usize>,
    pub(super) weight: u64,
}

/// The rows of `size` places; none of the weights is 0. A place whose share would be more than every answer is in every answer.
pub(super) fn rows(weights: &[u64], size: usize) -> Vec<Row> {
    let size = size.min(weights.len());
    let (certain, others) = split(weights, size);
    let points = (size - certain.len()) as u64;
    let total: u64 = others.iter().map(|place| weights[*place]).sum();
    let mut rows = Vec::new();
    if points == 0 {
        rows.push(Row { places: certain, weight: 1 });
    } else {
        // In units in which the points are `total` apart.
        let mut ends = Vec::with_capacity(others.len());
        let mut end = 0;
        for place in &others {
            end += weights[*place] * points;
            ends.push(end);
        }
        let mut turns: Vec<u64> = ends.iter().map(|end| end % total).chain([0]).collect();
        turns.sort_unstable();
        turns.dedup();
        for (index, turn) in turns.iter().enumerate() {
            let chosen = (0..points).map(|point| ends.partition_point(|end| *end <= turn + point * total));
            let places = certain.iter().copied().chain(chosen.map(|index| others[index])).collect();
            let weight = turns.get(index + 1).unwrap_or(&total) - turn;
            rows.push(Row { places, weight });
        }
    }
    share_out_first(&mut rows, weights);
    rows
}

/// The places that are in every answer, and the others.
fn split(weights: &[u64], size: usize) -> (Vec<usize>, Vec<usize>) {
    let mut is_certain = vec![false; weights.len()];
    loop {
        let count = is_certain.iter().filter(|certain| **certain).count();
        let points = (size - count) as u64;
        let rest = || weights.iter().zip(&is_certain).filter(|(_, certain)| !**certain);
        let total: u64 = rest().map(|(weight, _)| weight).sum();
        let is_due = |(place, weight): (usize, &u64)| !is_certain[place] && weight * points >= total;
        let due =
            weights.iter().enumerate().position(|(place, weight)| points > 0 && is_due((place, weight)));
        match due {
            Some(place) => is_certain[place] = true,
            None => return (0..weights.len()).partition(|place| is_certain[*place]),
        }
    }
}

/// Most clients take the first address. So each row begins with the place that lacks most of its share of first ones.
fn share_out_first(rows: &mut [Row], weights: &[u64]) {
    let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    let all: u128 = rows.iter().map(|row| u128::from(row.weight)).sum();
    let mut had = vec![0_u128; weights.len()];
    rows.sort_by_key(|row| std::cmp::Reverse(row.weight));
    for row in rows {
        // Of two fractions the one is larger that is so over a common denominator.
        let lack = |place: usize| u128::from(weights[place]) * all;
        let first = (0..row.places.len())
            .max_by_key(|index| {
                let place = row.places[*index];
                (lack(place) as i128 - (had[place] * total) as i128, std::cmp::Reverse(*index))
            })
            .unwrap_or(0);
        row.places.rotate_left(first);
        if let Some(place) = row.places.first() {
            had[*place] += u128::from(row.weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How many rows each place is in, in parts of all.
    fn inclusion(rows: &[Row], count: usize) -> Vec<f64> {
        let all: u64 = rows.iter().map(|row| row.weight).sum();
        let of =
            |place| rows.iter().filter(|row| row.places.contains(&place)).map(|row| row.weight).sum::<u64>();
        (0..count).map(|place| of(place) as f64 / all as f64).collect()
    }

    proptest! {
        #[test]
        fn each_place_is_in_as_many_answers_as_its_weight_says(
            weights in prop::collection::vec(1..100_000_u64, 1..=64), size in 1..=64_usize,
        ) {
            let rows = rows(&weights, size);
            let size = size.min(weights.len());
            prop_assert!(rows.len() <= weights.len());
            for row in &rows {
                let mut places = row.places.clone();
                places.sort_unstable();
                places.dedup();
                prop_assert_eq!(places.len(), size);
                prop_assert!(row.weight > 0);
            }
            let seen = inclusion(&rows, weights.len());
            let (certain, others) = split(&weights, size);
            let rest: u64 = others.iter().map(|place| weights[*place]).sum();
            for place in certain {
                prop_assert!((seen[place] - 1.0).abs() < 1e-9);
            }
            for place in others {
                let expected = (size - (weights.len() - split(&weights, size).1.len())) as f64 * weights[place] as f64
                    / rest as f64;
                prop_assert!((seen[place] - expected).abs() < 1e-9, "{place}: {} for {expected}", seen[place]);
            }
        }
    }

    #[test]
    fn first_ones_are_shared_out_as_well() {
        let rows = rows(&[1; 8], 2);
        let mut firsts = [0; 8];
        for row in &rows {
            firsts[row.places[0]] += row.weight;
        }
        assert!(firsts.iter().filter(|first| **first > 0).count() >= rows.len(), "{rows:?}");
    }
}
