//! The Internet checksum (RFC 1071).
//!
//! Sums are kept in 64 bits over little-endian words: one's-complement sums come out right in any byte order, as
//! long as it is one. The order of words does not matter either; a block that starts at an odd offset counts
//! with its bytes swapped.

/// An unfolded sum. It may hold 2^31 words before it overflows.
pub type Sum = u64;

/// Adds eight bytes.
#[inline(always)]
pub const fn word(word: u64) -> Sum {
    (word & 0xffff_ffff) + (word >> 32)
}

/// Adds two bytes.
#[inline(always)]
pub const fn pair(pair: [u8; 2]) -> Sum {
    u16::from_le_bytes(pair) as Sum
}

/// Folds a sum into sixteen bits.
#[inline(always)]
pub const fn fold(sum: Sum) -> u16 {
    // The high half is the sum of both halves with the carry of the low one: an end-around carry.
    let sum = sum.wrapping_add(sum.rotate_left(32)) >> 32;
    // The same for its halves: the third column adds both of them and the carry of the second one, which does, too.
    (sum.wrapping_mul(0x1_0001_0001) >> 32) as u16
}

/// The sum, below 2^48, of a block that starts `offset` bytes behind the start of the summed data.
#[inline(always)]
pub const fn at(offset: usize, sum: Sum) -> Sum {
    // Bytes are swapped by a shift: what it moves out of sixteen bits, `fold` brings back at the lower end.
    sum << ((offset & 1) * 8)
}

/// A sum without one of its parts, which is below 2^47.
#[inline(always)]
pub const fn without(sum: Sum, part: Sum) -> Sum {
    // A multiple of 0xffff is nothing in one's complement.
    sum + (0xffff << 32) - part
}

/// Whether data that includes its checksum is intact.
#[inline(always)]
pub const fn is_right(sum: Sum) -> bool {
    /// Of 0xffff, modulo 2^64: its multiples, and no other numbers, are brought to their quotients.
    const INVERSE: u64 = 0xfffe_fffe_fffe_ffff;
    // Of the multiples of 0xffff only zero is not folded to it.
    sum != 0 && sum.wrapping_mul(INVERSE) <= u64::MAX / 0xffff
}

/// The checksum field for a sum that was taken without it.
#[inline(always)]
pub const fn field(sum: Sum) -> [u8; 2] {
    (!fold(sum)).to_le_bytes()
}

/// The same for UDP, where zero means "none" and is sent as its other form (RFC 768).
#[inline(always)]
pub const fn udp_field(sum: Sum) -> [u8; 2] {
    let folded = fold(sum);
    // A folded sum of 0xffff would be sent as zero.
    let field = if folded == 0xffff { 0xffff } else { !folded };
    field.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1071 section 3's example: the words 0001 f203 f4f5 f6f7 sum to ddf2.
    #[test]
    fn example_of_the_rfc() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        let sum = word(u64::from_le_bytes(bytes));
        assert_eq!(fold(sum).to_le_bytes(), [0xdd, 0xf2]);
        assert_eq!(field(sum), [0x22, 0x0d]);
    }

    #[test]
    fn odd_offsets_swap() {
        for sum in [0x1234, 0xffff_1234, 0xffff_ffff_1234] {
            assert_eq!(fold(at(1, sum)), 0x3412);
            assert_eq!(fold(at(2, sum)), 0x1234);
        }
    }

    #[test]
    fn parts_are_taken_out() {
        for (sum, part) in
            [(0x1234_u64, 0x1200_u64), (0x1_0000, 0xffff), (0xffff_ffff_1234, 0x7fff_ffff_0034)]
        {
            assert_eq!(u64::from(fold(without(sum, part))), (sum - part) % 0xffff);
        }
    }

    #[test]
    fn folding_never_loses_a_carry() {
        for sum in [0, 1, 0xffff, 0x1_0000, 0xffff_ffff, u64::MAX, 0xffff_0000_ffff_0001] {
            let expected = match sum % 0xffff {
                0 if sum != 0 => 0xffff,
                rest => rest,
            };
            assert_eq!(u64::from(fold(sum)), expected, "{sum:#x}");
            assert_eq!(is_right(sum), expected == 0xffff, "{sum:#x}");
        }
    }

    #[test]
    fn zero_is_sent_as_its_other_form() {
        assert_eq!(udp_field(0xffff), [0xff, 0xff]);
        assert_eq!(udp_field(0), [0xff, 0xff]);
        assert_eq!(udp_field(1), [0xfe, 0xff]);
    }
}
