//! Names in wire form, compared and hashed eight bytes at a time.

use crate::packet::unrolled;

/// Words of a name that the fast path holds.
pub const WORDS: usize = 8;

/// The longest wire-form name in the tables, in bytes, root included.
pub const MAX_LENGTH: usize = WORDS * 8;

/// A name in wire form as it came, as little-endian words; what is behind its end is anything.
pub type Words = [u64; WORDS];

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
/// The bit in which capitals differ from small letters.
const CASE: u64 = 0x2020_2020_2020_2020;

/// What a word has in common with all words that differ from it in case only (RFC 4343), and with a few others.
#[inline(always)]
pub const fn without_case(word: u64) -> u64 {
    word | CASE
}

/// The bytes of a word before its first zero byte, as a mask; nothing where it has none.
#[inline(always)]
pub const fn before_zero(word: u64) -> Option<u64> {
    // The lowest mark is right; above it there may be false ones.
    let zeros = word.wrapping_sub(ONES) & !word & HIGH;
    if zeros == 0 { None } else { Some(((zeros & zeros.wrapping_neg()) >> 7) - 1) }
}

/// How many bytes a mask of `before_zero` has.
#[inline(always)]
pub const fn count_bytes(mask: u64) -> usize {
    ((mask & ONES).wrapping_mul(ONES) >> 56) as usize
}

/// The bytes of a word before `count` (0 to 7); the others are zeroed.
#[inline(always)]
pub const fn first_bytes(word: u64, count: usize) -> u64 {
    word & !(u64::MAX << (count as u32 * 8))
}

/// Whether a name of `length` bytes is the same as one in the tables, which says which of its bits are significant: none
/// behind its end. A name that has the root's zero at the same place ends there, too.
#[inline(always)]
pub fn is_same(name: &Words, length: usize, wire: &[[u8; 8]; WORDS], significant: &[[u8; 8]; WORDS]) -> bool {
    let mut difference = 0;
    unrolled!(INDEX in [0 1 2 3] {
        difference |= difference_at::<INDEX>(name, wire, significant);
    });
    if length > 4 * 8 {
        unrolled!(INDEX in [4 5 6 7] {
            difference |= difference_at::<INDEX>(name, wire, significant);
        });
    }
    difference == 0
}

#[inline(always)]
fn difference_at<const INDEX: usize>(
    name: &Words,
    wire: &[[u8; 8]; WORDS],
    significant: &[[u8; 8]; WORDS],
) -> u64 {
    (name[INDEX] ^ u64::from_le_bytes(wire[INDEX])) & u64::from_le_bytes(significant[INDEX])
}

/// The bits of a name in wire form and lower case that another one must have to be the same: all but the case of letters, and
/// what is behind its end.
pub fn significant(wire: &[u8; MAX_LENGTH]) -> [u8; MAX_LENGTH] {
    let mut bits = [0; MAX_LENGTH];
    for (bits, byte) in bits.iter_mut().zip(wire).take(length(wire)) {
        *bits = if byte.is_ascii_lowercase() { !(CASE as u8) } else { 0xff };
    }
    bits
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

/// The length of a wire-form name with zeros behind its end, in bytes, root included; 0 where there is none.
pub fn length(wire: &[u8; MAX_LENGTH]) -> usize {
    wire.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 2)
}

/// The words of a wire-form name.
pub fn words(wire: &[u8; MAX_LENGTH]) -> Words {
    let words: &[[u8; 8]; WORDS] = bytemuck::cast_ref(wire);
    words.map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_overlooked_and_nothing_else() {
        let (wire, length) = to_wire("a-z.[`{0").expect("a good name");
        let words = |bytes: [u8; MAX_LENGTH]| bytemuck::cast::<_, [[u8; 8]; WORDS]>(bytes);
        let (name, bits) = (words(wire), words(significant(&wire)));
        for place in 0..MAX_LENGTH {
            for byte in 0..=255_u8 {
                let mut other = wire;
                other[place] = byte;
                let same = place >= length || byte.to_ascii_lowercase() == wire[place];
                assert_eq!(
                    is_same(&super::words(&other), length, &name, &bits),
                    same,
                    "{byte:#x} at {place}"
                );
                if same && place < length {
                    let sum = |wire| without_case(super::words(wire)[place / 8]);
                    assert_eq!(sum(&other), sum(&wire), "{byte:#x} at {place}");
                }
            }
        }
    }

    /// What a query's name is measured to be is what the tables' names are counted as, whatever follows it.
    #[test]
    fn long_names_are_compared_to_their_end() {
        const X: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
        for name in [&X[..29], &X[..30], &X[..31], &X[..61], "xxxx.xxxxxxxxxxx.xxxxxxxxxxxxxx"] {
            let (wire, length) = to_wire(name).expect("a good name");
            let (name, bits) = (bytemuck::cast(wire), bytemuck::cast(significant(&wire)));
            for place in 0..length {
                let mut other = wire;
                other[place] ^= 0x20;
                other[length..].fill(0xa5);
                let is_letter = wire[place] == b'x';
                assert_eq!(is_same(&words(&other), length, &name, &bits), is_letter, "{place} of {length}");
                other[place] = wire[place] ^ 1;
                assert!(!is_same(&words(&other), length, &name, &bits), "{place} of {length}");
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
                let mask = before_zero(u64::from_le_bytes(bytes));
                assert_eq!(mask, Some(!(u64::MAX << (8 * place))));
                assert_eq!(mask.map(count_bytes), Some(place));
            }
        }
        assert_eq!(before_zero(ONES), None);
        assert_eq!(before_zero(HIGH), None);
        assert_eq!(before_zero(u64::MAX), None);
    }

    #[test]
    fn wire_form() {
        let (wire, length) = to_wire("Internet.INTERN.netz").expect("a good name");
        assert_eq!(super::length(&wire), length);
        assert_eq!(&wire[..length], b"\x08internet\x06intern\x04netz\0");
        assert_eq!(to_wire("internet.intern.netz."), Some((wire, length)));
        for bad in ["", ".", "a..b", ".a", &"x".repeat(64)] {
            assert_eq!(to_wire(bad), None, "{bad}");
        }
        assert!(to_wire(&["x".repeat(30), "y".repeat(31)].join(".")).is_some());
        assert!(to_wire(&["x".repeat(31), "y".repeat(31)].join(".")).is_none());
    }
}
