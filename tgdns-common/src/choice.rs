//! Where an answer begins in its address table: by turns, by weight, or by who asks.

use crate::{
    counter::Kind,
    rate::mix,
    tables::{Address, AnswerSet, BUCKETS, Begins, Choice, MAX_SERVERS, policy},
};

/// The place where a set's next answer to a client begins.
#[inline(always)]
pub(crate) fn begin(
    set: &AnswerSet,
    choice: Option<&Choice>,
    kind: Kind,
    turn: u64,
    client: Address,
) -> usize {
    let count = if kind == Kind::A { set.ipv4.count } else { set.ipv6.count };
    if set.policy & (policy::WEIGHTED | policy::STICKY) == 0 {
        return rotate(turn, count);
    }
    let Some(choice) = choice else { return 0 };
    let begins = if kind == Kind::A { &choice.ipv4 } else { &choice.ipv6 };
    if set.policy & policy::STICKY != 0 {
        usize::from(begins.buckets[bucket(client, choice)])
    } else {
        weighted(turn, begins)
    }
}

/// A place among `count` addresses. Steps of the golden ratio visit all of them evenly. Turns are counted for all names of a kind
/// together, on each CPU: a name that is asked at every n-th of them is told all of its addresses evenly, too, in a longer or
/// shorter time; only where n steps come near to a whole circle (as 89, 144, 233 and their multiples do) is that time long.
#[inline(always)]
pub(crate) fn rotate(turn: u64, count: u8) -> usize {
    ((fraction(turn) * u64::from(count)) >> 32) as usize
}

/// A place by the columns. The part of a column that the same steps hit tells which of its two places it is, so that every
/// stretch of answers is shared out by the weights, too.
#[inline(always)]
fn weighted(turn: u64, begins: &Begins) -> usize {
    let scaled = fraction(turn) * u64::from(begins.count);
    let column = &begins.columns[(scaled >> 32) as usize & (MAX_SERVERS - 1)];
    let is_below = (scaled as u32) < u32::from_be_bytes(column.threshold);
    usize::from(if is_below { column.below } else { column.above })
}

/// In parts of 2 to the power of 32.
#[inline(always)]
fn fraction(turn: u64) -> u64 {
    u64::from((turn as u32).wrapping_mul(0x9e37_79b9))
}

/// The bucket of a client: the same for all whose addresses have the same bits under the mask.
#[inline(always)]
fn bucket(client: Address, choice: &Choice) -> usize {
    let [low, high] = client.0;
    let masked = if client.is_ipv4() {
        u64::from(u32::from_le_bytes(client.to_ipv4()) & u32::from_le_bytes(choice.ipv4_mask))
    } else {
        let mask = Address::from_ipv6(choice.ipv6_mask);
        mix(low & mask.0[0]) ^ (high & mask.0[1])
    };
    let seed = u64::from(u32::from_be_bytes(choice.seed));
    (mix(masked ^ (seed << 32)) >> (64 - BUCKETS.ilog2())) as usize & (BUCKETS - 1)
}

const _: () = assert!(MAX_SERVERS.is_power_of_two() && BUCKETS.is_power_of_two(), "they are masks as well");

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;

    use super::*;

    #[test]
    fn rotation_is_even() {
        // Miri takes long over each turn.
        for count in (1..=64_u8).step_by(if cfg!(miri) { 21 } else { 1 }) {
            let mut seen = [0_u32; 64];
            for turn in 0..u64::from(count) * 1000 {
                seen[rotate(turn, count)] += 1;
            }
            for place in &seen[..usize::from(count)] {
                assert!((990..=1010).contains(place), "{count} addresses: {seen:?}");
            }
            assert!(seen[usize::from(count)..].iter().all(|place| *place == 0));
        }
    }

    #[test]
    fn columns_are_shared_at_their_thresholds() {
        let mut begins = Begins { count: 2, ..Begins::zeroed() };
        let quarter = (1_u32 << 30).to_be_bytes();
        begins.columns[0] =
            crate::tables::Column { threshold: quarter, below: 7, above: 9, reserved: [0; 2] };
        begins.columns[1] =
            crate::tables::Column { threshold: [0; 4], below: 7, above: 127, reserved: [0; 2] };
        let mut seen = [0_u32; 128];
        for turn in 0..8000 {
            seen[weighted(turn, &begins)] += 1;
        }
        for (place, expected) in [(7, 1000), (9, 3000), (127, 4000_u32)] {
            assert!(seen[place].abs_diff(expected) < 10, "{place}: {}", seen[place]);
        }
    }

    #[test]
    fn clients_under_one_mask_have_one_bucket() {
        let mut choice = Choice::zeroed();
        choice.ipv4_mask = [255, 255, 255, 0];
        choice.ipv6_mask[..7].fill(255);
        let of4 = |address| bucket(Address::from_ipv4(address), &choice);
        assert_eq!(of4([10, 0, 0, 1]), of4([10, 0, 0, 255]));
        assert_ne!(of4([10, 0, 0, 1]), of4([10, 0, 1, 1]));
        let of6 = |seventh, last| {
            let mut address = [0x20; 16];
            (address[6], address[15]) = (seventh, last);
            bucket(Address::from_ipv6(address), &choice)
        };
        assert_eq!(of6(1, 1), of6(1, 2));
        assert_ne!(of6(1, 1), of6(2, 1));
    }
}
