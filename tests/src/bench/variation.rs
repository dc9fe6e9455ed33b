//! Other clients and other names, run by run.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, ensure};
use aya::{Ebpf, maps::Array};

/// As in tests/floor/src/vary.rs.
const MOST: usize = 65_536;
const IP_IDENTIFIER: usize = 18;
const SOURCE: usize = 26;
const MESSAGE_IDENTIFIER: usize = 42;
const NAME: usize = 54;

/// What each run has in place of the query's own, in turns.
pub struct Variation {
    /// As the kernel's program has them: the source and both identifiers in the first number, the name in the second.
    variants: Vec<[u64; 2]>,
    laps: u64,
}

impl Variation {
    /// Of a query's frame: other sources, and other beginnings of eight bytes of the name. A power of two of them, 65,536 at most,
    /// so often with another second byte of the source, which then has to be 0: 1 to 256 times, a power of two as well.
    pub fn new(frame: &[u8], others: &[(Ipv4Addr, [u8; 8])], laps: usize) -> Result<Self> {
        ensure!(others.len().is_power_of_two() && others.len() <= MOST, "{} variants", others.len());
        ensure!(laps.is_power_of_two() && laps <= 256, "{laps} laps");
        ensure!(laps == 1 || others.len() == MOST, "laps of {} variants", others.len());
        ensure!(
            frame.get(12..15) == Some(&[8, 0, 0x45]) && frame.len() >= NAME + 8,
            "no plain query over IPv4"
        );
        let variants = others.iter().map(|(source, name)| {
            let before = (&frame[SOURCE..SOURCE + 4], &frame[NAME..NAME + 8]);
            let source = source.octets();
            let in_packet = difference(before.0, &source);
            let in_message = [in_packet, difference(before.1, name)].into_iter().fold(0, plus);
            let identifier = |at: usize, difference| {
                u64::from(plus(u16::from_le_bytes([frame[at], frame[at + 1]]), difference))
            };
            let identifiers =
                identifier(IP_IDENTIFIER, in_packet) << 32 | identifier(MESSAGE_IDENTIFIER, in_message) << 48;
            [u64::from(u32::from_le_bytes(source)) | identifiers, u64::from_le_bytes(*name)]
        });
        Ok(Self { variants: variants.collect(), laps: laps as u64 })
    }

    /// The maps stay where they are, for the program that uses them is not loaded yet.
    pub(super) fn write(&self, restore: &mut Ebpf) -> Result<()> {
        let missing = |name: &str| format!("the floor has no map {name}");
        let map = restore.map_mut("VARIANTS").with_context(|| missing("VARIANTS"))?;
        let mut variants: Array<_, [u64; 2]> = Array::try_from(map)?;
        for (index, variant) in (0..).zip(&self.variants) {
            variants.set(index, variant, 0)?;
        }
        let map = restore.map_mut("TURN").with_context(|| missing("TURN"))?;
        let mut turn: Array<_, [u64; 3]> = Array::try_from(map)?;
        Ok(turn.set(0, [0, self.variants.len() as u64 - 1, self.laps - 1], 0)?)
    }
}

/// What has to be added, in one's complement, where these bytes take the place of those, that their sum stays.
fn difference(before: &[u8], after: &[u8]) -> u16 {
    let word = |pair: &[u8]| u16::from_le_bytes([pair[0], pair[1]]);
    let words = before.chunks_exact(2).map(word).chain(after.chunks_exact(2).map(|pair| !word(pair)));
    words.fold(0, plus)
}

/// In one's complement.
fn plus(one: u16, other: u16) -> u16 {
    let (sum, carry) = one.overflowing_add(other);
    sum + u16::from(carry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{dissect::Datagram, frame::Frame};

    /// As the kernel's program does it, in the first lap.
    #[test]
    fn checksums_stay_right() -> Result<()> {
        let frame = Frame::default().build()?;
        let others = [([10, 0, 3, 4].into(), *b"\x07c000012"), ([255; 4].into(), [0xff; 8])];
        for (index, [first, name]) in Variation::new(&frame, &others, 1)?.variants.into_iter().enumerate() {
            let mut varied = frame.clone();
            let first = first.to_le_bytes();
            varied[SOURCE..SOURCE + 4].copy_from_slice(&first[..4]);
            varied[IP_IDENTIFIER..IP_IDENTIFIER + 2].copy_from_slice(&first[4..6]);
            varied[MESSAGE_IDENTIFIER..MESSAGE_IDENTIFIER + 2].copy_from_slice(&first[6..]);
            varied[NAME..NAME + 8].copy_from_slice(&name.to_le_bytes());
            let datagram = Datagram::parse(&varied)?;
            assert_eq!(datagram.source, others[index].0);
            assert_eq!(datagram.message[12..20], others[index].1);
        }
        Ok(())
    }
}
