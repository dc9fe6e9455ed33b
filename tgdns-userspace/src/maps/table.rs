//! A table that exists in several copies, of which programs read one.
//!
//! A publication fills the copy after the one in use. They are used in turn, so that it is long ago that somebody read what is
//! overwritten, unless there have been as many publications as copies in a short time.

use std::time::Instant;

use anyhow::{Context as _, Result};
use aya::maps::{Array, Map, MapData};
use bytemuck::Pod;
use tgdns_common::tables::Copies;

use super::grace::outlast;

/// `SIZE` is that of a `T`, in bytes.
pub(super) struct Table<T, const SIZE: usize> {
    name: &'static str,
    map: Array<MapData, [u8; SIZE]>,
    /// What the map says, in all copies.
    known: Vec<T>,
    /// By copy, until when it was in use; nothing where that is long ago.
    left_at: Vec<Option<Instant>>,
}

impl<T: Pod + PartialEq, const SIZE: usize> Table<T, SIZE> {
    /// Learns what a map says.
    ///
    /// # Errors
    /// It is of another type, or cannot be read.
    pub(super) fn learn(name: &'static str, map: Map, copies: usize) -> Result<Self> {
        let map = Array::try_from(map)?;
        let known = (0..map.len())
            .map(|place| Ok(bytemuck::cast::<[u8; SIZE], T>(map.get(&place, 0)?)))
            .collect::<Result<_>>()?;
        Ok(Self { name, map, known, left_at: vec![None; copies] })
    }

    /// The entries of the copy in use.
    ///
    /// # Errors
    /// The map has no such copy.
    pub(super) fn entries(&self, copies: Copies) -> Result<&[T]> {
        let size = 1_usize << copies.bits;
        let base = usize::from(copies.number()) * size;
        self.known.get(base..base + size).with_context(|| format!("the map {} is too small", self.name))
    }

    /// Makes the copy after the one in use say what is wanted, if that one does not, and gives where the table is to be read
    /// from now on.
    ///
    /// # Errors
    /// A refused write; the copy in use says what it did.
    pub(super) fn prepare(
        &mut self,
        current: Copies,
        wanted: Copies,
        entries: &[T],
        written: &mut usize,
    ) -> Result<Copies> {
        let (bits, seed) = (current.bits, current.seed(current.number()));
        if (bits, seed) == (wanted.bits, wanted.seed(0)) && self.entries(current)? == entries {
            return Ok(current);
        }
        let number = (usize::from(current.number()) + 1) % self.left_at.len();
        if let Some(left_at) = self.left_at.get(number).copied().flatten() {
            outlast(left_at);
            // Those that were left earlier, too.
            self.left_at.fill(None);
        }
        for (place, entry) in (number << wanted.bits..).zip(entries) {
            self.set(place, *entry, written)?;
        }
        let mut next = Copies { bits: wanted.bits, ..current }.with(number as u8, current.side());
        next.seeds[number & 1] = wanted.seeds[0];
        Ok(next)
    }

    /// Programs read the second from now on, in place of the first.
    pub(super) fn flipped(&mut self, before: Copies, after: Copies) {
        if before.number() != after.number()
            && let Some(left_at) = self.left_at.get_mut(usize::from(before.number()))
        {
            *left_at = Some(Instant::now());
        }
    }

    /// Empties the entries of all copies that are of no use.
    ///
    /// # Errors
    /// A refused write.
    pub(super) fn forget(&mut self, is_useless: impl Fn(&T) -> bool) -> Result<()> {
        for place in 0..self.known.len() {
            if self.known.get(place).is_some_and(&is_useless) {
                self.set(place, T::zeroed(), &mut 0)?;
            }
        }
        Ok(())
    }

    fn set(&mut self, place: usize, entry: T, written: &mut usize) -> Result<()> {
        let known =
            self.known.get_mut(place).with_context(|| format!("the map {} is too small", self.name))?;
        if *known != entry {
            let bytes = bytemuck::cast::<T, [u8; SIZE]>(entry);
            self.map.set(place as u32, bytes, 0).with_context(|| format!("writing {}", self.name))?;
            *known = entry;
            *written += 1;
        }
        Ok(())
    }
}
