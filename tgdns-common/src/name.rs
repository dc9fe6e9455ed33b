//! Names in wire form, compared and hashed eight bytes at a time.

use crate::packet::unrolled;

/// Words of a name that the fast path holds.
pub const WORDS: usize = 8;

/// The longest wire-form name in the tables, in bytes, root included.
pub const MAX_LENGTH: usize = WORDS * 8;

/// A name in wire form, ASCII letters in lower case (RFC 4343), zeros behind its end, as little-endian words.
pub type Folded = [u64; WORDS];

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Turns the ASCII capitals among eight bytes into small letters and leaves all other bytes alone.
/// The bytes that count labels (0 to 63) are never letters, so a whole wire name can be folded.
#[inline(always)]
pub const fn fold(word: u64) -> u64 {
    let low = word & !HIGH;
    let from_a = low + ONES * (0x80 - b'A' as u64);
    let above_z = low + ONES * (0x80 - b'Z' as u64 - 1);
    let capitals = (from_a ^ above_z) & !word & HIGH;
    word | (capitals >> 2)
}

/// How many bytes of a word come before its first zero byte; 8 or more where there is none.
#[inline(always)]
pub const fn before_zero(word: u64) -> Option<usize> {
    // The lowest set bit marks the first zero byte; only above it can there be false marks.
    let zeros = word.wrapping_sub(ONES) & !word & HIGH;
    if zeros == 0 {
        return None;
    }
    // All bits below the mark, one counted for each byte that lies below it.
    let below = (zeros & zeros.wrapping_neg()) - 1;
    Some(((below & ONES).wrapping_mul(ONES) >> 56) as usize - 1)
}

/// The bytes of a word before `count` (0 to 7); the others are zeroed.
#[inline(always)]
pub const fn first_bytes(word: u64, count: usize) -> u64 {
    word & !(u64::MAX << (count as u32 * 8))
}

/// Whether a folded name of `length` bytes is the same as another one. Words behind its end are not looked at: a name that
/// has the root's zero at the same place ends there, too.
#[inline(always)]
pub fn is_same(name: &Folded, length: usize, wire: &[[u8; 8]; WORDS]) -> bool {
    unrolled!(INDEX in [0 1 2 3 4 5 6 7] {
        let start = INDEX * 8;
        if start >= length {
            return true;
        }
        if name[INDEX] != u64::from_le_bytes(wire[INDEX]) {
            return false;
        }
    });
    true
}

/// The wire form of a name in presentation format without escapes, folded; `None` where it is empty, has an empty or
/// overlong label, or is longer than `MAX_LENGTH`. With it comes the length in bytes.
pub fn to_wire(name: &str) -> Option<([u8; MAX_LENGTH], usize)> {
    let mut wire = [0; MAX_LENGTH];
    let mut length = 0;
    for label in name.strip_suffix('.').unwrap_or(name).split('.') {
        let count = u8::try_from(label.len()).ok().filter(|count| (1..=63).contains(count))?;
        *wire.get_mut(length)? = count;
        let end = length + 1 + label.len();
        wire.get_mut(length + 1..end)?.copy_from_slice(label.as_bytes());
        length = end;
    }
    // The root's zero must fit too.
    if length >= MAX_LENGTH {
        return None;
    }
    wire.make_ascii_lowercase();
    Some((wire, length + 1))
}

/// The words of a wire-form name.
pub fn words(wire: &[u8; MAX_LENGTH]) -> Folded {
    let words: &[[u8; 8]; WORDS] = bytemuck::cast_ref(wire);
    words.map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fold_is_exact_for_every_byte_in_every_place() {
        for byte in 0..=255_u8 {
            for place in 0..8 {
                for around in [0_u8, b'@', b'A', b'Z', b'[', 0x7f, 0x80, 0xff] {
                    let mut bytes = [around; 8];
                    bytes[place] = byte;
                    let expected = bytes.map(|byte| byte.to_ascii_lowercase());
                    assert_eq!(fold(u64::from_le_bytes(bytes)).to_le_bytes(), expected);
                }
            }
        }
    }

    #[test]
    fn first_zero_is_found_in_every_place() {
        for place in 0..8 {
            for (around, behind) in [(1_u8, 0_u8), (0x80, 1), (0xff, 0x80), (b'a', 0)] {
                let mut bytes = [around; 8];
                bytes[place..].fill(behind);
                bytes[place] = 0;
                assert_eq!(before_zero(u64::from_le_bytes(bytes)), Some(place));
            }
        }
        assert_eq!(before_zero(u64::MAX), None);
        assert_eq!(before_zero(ONES), None);
        assert_eq!(before_zero(HIGH), None);
    }

    #[test]
    fn wire_form() {
        let (wire, length) = to_wire("Internet.INTERN.netz").expect("a good name");
        assert_eq!(&wire[..length], b"\x08internet\x06intern\x04netz\0");
        assert_eq!(to_wire("internet.intern.netz."), Some((wire, length)));
        for bad in ["", ".", "a..b", ".a", &"x".repeat(64)] {
            assert_eq!(to_wire(bad), None, "{bad}");
        }
        assert!(to_wire(&["x".repeat(30), "y".repeat(31)].join(".")).is_some());
        assert!(to_wire(&["x".repeat(31), "y".repeat(31)].join(".")).is_none());
    }
}
