//! A table that exists in several copies, of which programs read one.
//!
//! A publication fills the copy after the one in use. They are used in turn, so that it is long ago that somebody read what is
//! overwritten, unless there have been as many publications as copies in a short time.

use std::time::Instant;

use anyhow::{Context as _, Result};
use aya::maps::{Array, Map, MapData};
use bytemuck::Pod;
use tgdns_common::tables::Copies;

use super::{grace::outlast, left::Left};

/// `SIZE` is that of a `T`, in bytes.
pub(super) struct Table<T, const SIZE: usize> {
    name: &'static str,
    map: Array<MapData, [u8; SIZE]>,
    /// By copy, what the map says; nothing of those that were not needed yet.
    known: Vec<Option<Vec<T>>>,
    left: Left,
}

impl<T: Pod + PartialEq, const SIZE: usize> Table<T, SIZE> {
    /// Learns what a map says in the copy in use, of so many.
    ///
    /// # Errors
    /// It is of another type, or cannot be read.
    pub(super) fn learn(name: &'static str, map: Map, copies: usize, current: Copies) -> Result<Self> {
        // A writer that ended just before may have left the others a moment ago, where there has been one.
        let left_at = (current.bits != 0).then(Instant::now);
        let (known, left) = (vec![None; copies], Left::new(copies, left_at));
        let mut table = Self { name, map: Array::try_from(map)?, known, left };
        let number = current.number().into();
        let entries = table.read(number, 1 << current.bits)?;
        *table.copy(number)? = Some(entries);
        Ok(table)
    }

    /// The entries of the copy in use.
    ///
    /// # Errors
    /// The map has no such copy.
    pub(super) fn entries(&self, copies: Copies) -> Result<&[T]> {
        let known = self.known.get(usize::from(copies.number())).and_then(Option::as_deref);
        let entries = known.and_then(|known| known.get(..1 << copies.bits));
        entries.with_context(|| format!("the map {} is too small", self.name))
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
        let number = self.left.next(current.number());
        let is_new_seed = current.seeds[number & 1] != wanted.seeds[0];
        if let Some(time) = self.left.last_reader(number, is_new_seed) {
            self.left.outlasted(outlast(time));
        }
        self.fill(number, entries, written)?;
        let mut next = Copies { bits: wanted.bits, ..current }.with(number as u8, current.side());
        next.seeds[number & 1] = wanted.seeds[0];
        // Nobody has found anything in any copy yet.
        if current.bits == 0 {
            next.seeds = wanted.seeds;
        }
        Ok(next)
    }

    /// Programs read the second from now on, in place of the first.
    pub(super) fn flipped(&mut self, before: Copies, after: Copies) {
        if before.number() != after.number() {
            self.left.leave(before.number(), Instant::now());
        }
    }

    /// Empties the entries of the copy in use that are of no use.
    ///
    /// # Errors
    /// A refused write.
    pub(super) fn forget(&mut self, current: Copies, is_useless: impl Fn(&T) -> bool) -> Result<()> {
        let left = |entry: &T| if is_useless(entry) { T::zeroed() } else { *entry };
        let entries: Vec<T> = self.entries(current)?.iter().map(left).collect();
        self.fill(current.number().into(), &entries, &mut 0)
    }

    /// Makes a copy have these entries; writes those alone that differ.
    fn fill(&mut self, number: usize, entries: &[T], written: &mut usize) -> Result<()> {
        let known = self.copy(number)?.take().filter(|known| known.len() == entries.len());
        let mut known = known.map_or_else(|| self.read(number, entries.len()), Ok)?;
        let first = number * entries.len();
        for ((place, known), entry) in (first..).zip(&mut known).zip(entries) {
            if known != entry {
                let bytes = bytemuck::cast::<T, [u8; SIZE]>(*entry);
                self.map.set(place as u32, bytes, 0).with_context(|| format!("writing {}", self.name))?;
                *known = *entry;
                *written += 1;
            }
        }
        *self.copy(number)? = Some(known);
        Ok(())
    }

    /// What the map says in a copy of that size.
    fn read(&self, number: usize, size: usize) -> Result<Vec<T>> {
        let places = number * size..(number + 1) * size;
        let read = |place| self.map.get(&(place as u32), 0).map(bytemuck::cast::<[u8; SIZE], T>);
        places.map(read).collect::<Result<_, _>>().with_context(|| format!("reading {}", self.name))
    }

    fn copy(&mut self, number: usize) -> Result<&mut Option<Vec<T>>> {
        self.known.get_mut(number).with_context(|| format!("the map {} has no copy {number}", self.name))
    }
}
