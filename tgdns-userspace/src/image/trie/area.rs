//! Addresses with a common beginning, and where their views change.

use crate::image::prefixes::Beginning;
use tgdns_common::tables::DEFAULT_VIEW;

/// The addresses of a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) first: u128,
    /// Of what they have in common, in bits: 0 to 128.
    pub(super) length: u8,
}

impl Area {
    pub(super) const ALL: Self = Self { first: 0, length: 0 };
    /// IPv4 within IPv6.
    pub(super) const IPV4: Self = Self { first: 0xffff << 32, length: 96 };

    /// The area of so many bits that an address is in.
    pub(super) fn around(address: u128, length: u8) -> Self {
        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
        Self { first: address & mask, length }
    }

    /// The smallest one that both addresses are in.
    fn of_both(one: u128, other: u128) -> Self {
        Self::around(one, (one ^ other).leading_zeros() as u8)
    }

    pub(super) fn last(self) -> u128 {
        self.first | u128::MAX.checked_shr(self.length.into()).unwrap_or(0)
    }

    pub(super) fn holds(self, other: Self) -> bool {
        self.length <= other.length && Self::around(other.first, self.length) == self
    }
}

/// An area with the view of its first address, and where that changes behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch<'b> {
    pub(super) area: Area,
    pub(super) view: u32,
    pub(super) changes: &'b [Beginning],
}

impl<'b> Stretch<'b> {
    /// All addresses.
    pub(super) fn all(beginnings: &'b [Beginning]) -> Self {
        Stretch { area: Area::ALL, view: DEFAULT_VIEW, changes: beginnings }.part(Area::ALL)
    }

    /// A part of it.
    pub(super) fn part(&self, area: Area) -> Self {
        let before = self.changes.partition_point(|(at, _)| *at <= area.first);
        let end = self.changes.partition_point(|(at, _)| *at <= area.last());
        let (earlier, changes) = (&self.changes[..before], &self.changes[before..end]);
        let view = earlier.last().map_or(self.view, |(_, view)| *view);
        Stretch { area, view, changes }
    }

    /// Its parts by the next `bits` bits behind the first `at` of an address, which are not more than the area has in common. Parts
    /// outside of the area are as its edges are.
    pub(super) fn slots(&self, at: u8, bits: u8) -> impl Iterator<Item = Self> {
        let length = at + bits;
        let (base, mut view, mut rest) = (Area::around(self.area.first, at).first, self.view, self.changes);
        (0..1_u128 << bits).map(move |value| {
            let area = Area { first: base | value << (128 - length), length };
            let count = rest.iter().take_while(|(at, _)| *at <= area.last()).count();
            let (within, behind) = rest.split_at(count);
            let (before, last) = (view, within.last());
            view = last.map_or(view, |(_, view)| *view);
            rest = behind;
            let begins = within.first().filter(|(at, _)| *at == area.first);
            Stretch {
                area,
                view: begins.map_or(before, |(_, view)| *view),
                changes: &within[usize::from(begins.is_some())..],
            }
        })
    }

    /// The smallest part, in the same word of an address, around which there is one view, and that view; nothing where
    /// it is no shorter way than a node.
    pub(super) fn lone(&self) -> Option<(Area, u32)> {
        let (first_change, last_change) = (self.changes.first()?.0, self.changes.last()?);
        let last_view = last_change.1;
        let (begin, end) = (self.area.first, self.area.last());
        let parts = if self.view == last_view {
            [Some((Area::of_both(first_change, last_change.0 - 1), last_view)), None]
        } else {
            [
                Some((Area::of_both(begin, last_change.0 - 1), last_view)),
                Some((Area::of_both(first_change, end), self.view)),
            ]
        };
        let (part, view) = parts.into_iter().flatten().max_by_key(|(part, _)| part.length)?;
        let part = match self.area.length < 64 {
            true => Area::around(part.first, part.length.min(64)),
            false => part,
        };
        let is_shorter = part.length / 8 > self.area.length / 8 || self.part(part).changes.is_empty();
        (part.length > self.area.length && is_shorter).then_some((part, view))
    }
}
