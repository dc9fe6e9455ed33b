//! Where keys go in a cuckoo hash table: each has two places, and one lookup of both finds it.
//!
//! R. Pagh, F. F. Rodler, "Cuckoo Hashing", 2004. The places are those that `tgdns_common::tables::Copies` computes.

/// So many seeds are tried before the table counts as too full.
const SEEDS: u32 = 1000;

/// The seed, and for each place the key that it holds.
pub(crate) struct Placement {
    pub(crate) seed: u32,
    pub(crate) keys: Vec<Option<usize>>,
}

/// Finds places for `count` keys in a table of `size` entries. `places` gives a key's two places under a seed.
/// Returns nothing where the table is too full.
pub(crate) fn place(count: usize, size: usize, places: impl Fn(usize, u32) -> [u32; 2]) -> Option<Placement> {
    (1..=SEEDS).find_map(|seed| {
        let keys = place_with(count, size, |key| places(key, seed))?;
        Some(Placement { seed, keys })
    })
}

fn place_with(count: usize, size: usize, places: impl Fn(usize) -> [u32; 2]) -> Option<Vec<Option<usize>>> {
    let mut keys = vec![None; size];
    for mut key in 0..count {
        let mut place = places(key)[0];
        // A key that is put in another's place sends that one to its other place; a longer chain is a circle.
        for step in 0.. {
            if step > count {
                return None;
            }
            let entry: &mut Option<usize> = keys.get_mut(usize::try_from(place).ok()?)?;
            let Some(evicted) = entry.replace(key) else { break };
            key = evicted;
            let [first, second] = places(key);
            place = if place == first { second } else { first };
        }
    }
    Some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(key: usize, seed: u32) -> [u32; 2] {
        let mixed =
            (key as u64 + 1).wrapping_mul(u64::from(seed) * 2 + 0x9e37_79b9_7f4a_7c15).rotate_left(31);
        let mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        [(mixed >> 52) as u32 & 255, (mixed >> 30) as u32 & 255]
    }

    #[test]
    fn every_key_is_at_one_of_its_places() {
        for count in [0, 1, 2, 64, 110] {
            let placement = place(count, 256, hash).expect("there is room");
            for key in 0..count {
                let found = hash(key, placement.seed).map(|place| placement.keys[place as usize]);
                assert!(found.contains(&Some(key)), "key {key} of {count}");
            }
            assert_eq!(placement.keys.iter().flatten().count(), count);
        }
    }

    #[test]
    fn a_table_too_small_is_told() {
        assert!(place(257, 256, hash).is_none());
    }
}
