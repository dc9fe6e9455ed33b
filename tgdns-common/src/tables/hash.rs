//! The hashes by which names and service addresses find their places in the tables.

use crate::name::{self, Words};

/// Odd, with many bits set in no pattern: the fractional parts of square roots of primes.
const MULTIPLIERS: [u64; name::WORDS] = [
    0x6a09_e667_f3bc_c909,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// The sum of a name of `length` bytes, each word of it with a multiplier of its own, so that no multiplication waits for
/// another. It does not depend on the case of letters, nor on the same bit of any other byte: few names that differ have the
/// same sum, but two of them are told apart by `name::is_same` alone, and there are two places for them at most.
#[inline(always)]
pub fn name_sum(name: &Words, length: usize) -> u64 {
    let mut sum = 0_u64;
    // The root's zero adds nothing.
    let mut left = length.saturating_sub(1);
    for (index, word) in name.iter().enumerate() {
        let folded = name::without_case(*word);
        let word = if left < 8 { name::first_bytes(folded, left) } else { folded };
        sum = sum.wrapping_add(name_word_sum(index, word));
        left = left.saturating_sub(8);
    }
    sum
}

/// What one word of a name adds to its sum; nothing where it is zero.
#[inline(always)]
pub fn name_word_sum(index: usize, word: u64) -> u64 {
    word_sum(word, MULTIPLIERS[index])
}

#[inline(always)]
fn word_sum(word: u64, multiplier: u64) -> u64 {
    word.wrapping_mul(multiplier)
}

/// The hash of four words.
#[inline(always)]
pub(super) fn of_words(words: [u64; 4], seed: u32) -> u64 {
    let [first, second, third, fourth] = words;
    let sum = word_sum(first, MULTIPLIERS[0])
        .wrapping_add(word_sum(second, MULTIPLIERS[1]))
        .wrapping_add(word_sum(third, MULTIPLIERS[2]))
        .wrapping_add(word_sum(fourth, MULTIPLIERS[3]));
    finish(sum, seed, 0)
}

/// The hash of a name as one view sees it, from the name's sum.
#[inline(always)]
pub fn name_hash(sum: u64, view: u32, seed: u32) -> u64 {
    finish(sum, seed, view)
}

#[inline(always)]
fn finish(sum: u64, seed: u32, view: u32) -> u64 {
    let key = sum ^ (u64::from(seed) << 32 | u64::from(view));
    // Multiplications move information upwards only; the shift brings some of it down again.
    (key ^ (key >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
