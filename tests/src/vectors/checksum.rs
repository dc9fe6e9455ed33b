//! The Internet checksum as RFC 1071 section 4.1 writes it, word by word.

/// The checksum field for these blocks, one after the other; each but the last has an even length.
pub fn internet(blocks: &[&[u8]]) -> u16 {
    !sum(blocks)
}

/// The folded sum.
pub fn sum(blocks: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for pair in blocks.iter().flat_map(|block| block.chunks(2)) {
        let word = [pair[0], pair.get(1).copied().unwrap_or(0)];
        sum += u32::from(u16::from_be_bytes(word));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    /// RFC 1071 section 3's example.
    #[test]
    fn example_of_the_rfc() {
        assert_eq!(super::sum(&[&[0x00, 0x01, 0xf2, 0x03], &[0xf4, 0xf5, 0xf6, 0xf7]]), 0xddf2);
        assert_eq!(super::sum(&[&[0xff, 0xff, 0x00]]), 0xffff);
        assert_eq!(super::internet(&[&[0x12]]), !0x1200);
    }
}
