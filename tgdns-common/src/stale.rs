//! What becomes of answers while their controller is not heard of. Either the fresh set is held, and only the numbers differ that
//! are here; or another set stands in its place, under a view of its own. Nothing here branches: all is zero while answers are
//! fresh, and the program has one path for both.

use crate::{
    packet::Packet,
    tables::{AnswerSet, Settings, Tables, policy},
    wire::dns::{ExtendedError, RecordHead},
};

/// The bit of a view's number that stands for the answer sets which its clients are told when theirs are stale.
pub const VIEW: u32 = 1 << 31;
/// Of no view, so that there is no answer: queries are passed up.
pub const NO_VIEW: u32 = 3 << 30;

/// How answers differ from fresh ones.
#[derive(Clone, Copy)]
pub struct Stale {
    /// What the number of the client's view gets: `VIEW`, `NO_VIEW`, or nothing.
    pub view: u32,
    /// All bits where the fresh set is held, else none.
    held: u32,
}

impl Stale {
    pub(crate) const FRESH: Self = Self { view: 0, held: 0 };

    /// As the settings want it.
    #[inline(always)]
    pub fn new<P: Packet, T: Tables>(packet: &P, tables: &T, settings: &Settings) -> Self {
        let is_stale = tables.stale_mask(settings);
        let wanted = (settings.when_stale as u32) << 24;
        // The sign is the bit of `VIEW`. Hidden, or the compiler makes a branch of it, of which the verifier walks both ways.
        let is_view = packet.hide((wanted as i32 >> 31) as u64) as u32;
        Self { view: wanted & is_stale, held: is_stale & !is_view }
    }

    /// The same for those who cannot pass a query up: they hold.
    pub fn for_sockets<P: Packet, T: Tables>(packet: &P, tables: &T, settings: &Settings) -> Self {
        match Self::new(packet, tables, settings) {
            Self { view: NO_VIEW, .. } => Self { view: 0, held: u32::MAX },
            stale => stale,
        }
    }

    /// The policy of an answer from a set.
    #[inline(always)]
    pub(crate) const fn policy(self, set: &AnswerSet) -> u8 {
        set.policy | self.held as u8 & (policy::EXPLAINED | policy::STALE)
    }

    /// Why an answer from a set is what it is, where that is to be told.
    #[inline(always)]
    pub(crate) const fn extended_error(self, set: &AnswerSet) -> [u8; 2] {
        let held = self.held as u16;
        let of_set = u16::from_be_bytes(set.extended_error) & !held;
        (of_set | ExtendedError::STALE_ANSWER & held).to_be_bytes()
    }

    /// What stands before each address, as eight bytes and four, the first byte lowest; `ttl` is the one of stale addresses.
    #[inline(always)]
    pub(crate) fn head(self, record: RecordHead, ttl: [u8; 2]) -> (u64, u32) {
        let [owner, middle, end]: [[u8; 4]; 3] = bytemuck::cast(record);
        // The TTL's higher half ends the first word, and its lower half begins the last one.
        let middle = u32::from_le_bytes(middle) & !(self.held << 16);
        let kept = u32::from_le_bytes(end) & !(self.held >> 16);
        let end = kept | u32::from(u16::from_le_bytes(ttl)) & self.held;
        (u64::from(u32::from_le_bytes(owner)) | u64::from(middle) << 32, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dns::Type;

    fn head(held: u32, ttl: u32) -> RecordHead {
        let record = RecordHead::of_question(Type::AAAA, ttl, 16);
        let (first, last) = Stale { view: 0, held }.head(record, [0, 1]);
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&first.to_le_bytes());
        bytes[8..].copy_from_slice(&last.to_le_bytes());
        bytemuck::cast(bytes)
    }

    #[test]
    fn held_addresses_have_another_ttl_and_no_other_difference() {
        for ttl in [0, 1, 30, 0x1234_5678, u32::MAX] {
            assert_eq!(head(0, ttl), RecordHead::of_question(Type::AAAA, ttl, 16));
            assert_eq!(head(u32::MAX, ttl), RecordHead::of_question(Type::AAAA, 1, 16));
        }
    }
}
