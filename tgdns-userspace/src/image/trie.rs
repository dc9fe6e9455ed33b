//! The clients' prefixes compiled into the table that programs look clients up in (`tgdns_common::trie`), and what such a table
//! says.

use anyhow::{Result, ensure};
use tgdns_common::trie::{self, Entry, IPV4_ROOT, IPV6_ROOT, Kind, NODE, PAGE, Page, RECORD};

use super::prefixes::Prefixes;
use area::{Area, Stretch};
pub(crate) use decompile::prefixes;

mod area;
mod decompile;

/// A compiled table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) pages: Vec<Page>,
}

impl trie::Pages for Table {
    fn page(&self, number: u32) -> Option<&Page> {
        self.pages.get(number as usize)
    }
}

/// Compiles what the prefixes come to.
///
/// # Errors
/// There are more records than entries can tell of.
pub(crate) fn compile(prefixes: &Prefixes) -> Result<Table> {
    let mut compiler = Compiler { pages: vec![[0; PAGE]; IPV6_ROOT / PAGE], free: 0 };
    // The entry for IPv6 has a record's room, so that the next one begins where records may.
    let [page, place] = compiler.allocate(RECORD);
    debug_assert_eq!(page * PAGE + place, IPV6_ROOT);
    let all = Stretch::all(prefixes.beginnings());
    for (place, slot) in all.part(Area::IPV4).slots(Area::IPV4.length, 16).enumerate() {
        let Entry(entry) = compiler.entry(&slot);
        compiler.pages[place / PAGE][place % PAGE] = entry;
    }
    let without_ipv4 = prefixes.without(Area::IPV4.first, Area::IPV4.last());
    compiler.pages[page][place] = compiler.entry(&Stretch::all(without_ipv4.beginnings())).0;
    ensure!(
        compiler.pages.len() * PAGE / RECORD <= Entry::RECORDS,
        "the views' client prefixes need too large a table: aggregate them"
    );
    Ok(Table { pages: compiler.pages })
}

struct Compiler {
    pages: Vec<Page>,
    /// Words of the last page that are not taken.
    free: usize,
}

impl Compiler {
    fn entry(&mut self, stretch: &Stretch<'_>) -> Entry {
        if stretch.changes.is_empty() {
            return Entry::new(Kind::View(stretch.view));
        }
        match stretch.lone() {
            Some((inner, outside)) => self.guard(&stretch.part(inner), outside),
            None => self.node(stretch),
        }
    }

    /// A guard before a part of a stretch that has one view around that.
    fn guard(&mut self, inner: &Stretch<'_>, outside: u32) -> Entry {
        let found = self.entry(inner);
        let [page, place] = self.allocate(RECORD + 2);
        let is_low = inner.area.length > 64;
        let word = if is_low { inner.area.first as u64 } else { (inner.area.first >> 64) as u64 };
        let shift = (if is_low { 128 } else { 64 }) - u32::from(inner.area.length);
        let [low, high] = halves(word >> shift);
        let words =
            [low, high, (place + RECORD - 1) as u32, shift, Entry::new(Kind::View(outside)).0, found.0];
        // The rank of an entry is 1 at least.
        self.pages[page][place..place + words.len()].copy_from_slice(&words);
        Entry::new(Kind::Guard { is_low, record: number(page, place) })
    }

    fn node(&mut self, stretch: &Stretch<'_>) -> Entry {
        let byte = stretch.area.length / 8;
        let mut bitmaps = [0_u64; NODE];
        let mut runs: [Vec<Entry>; NODE] = Default::default();
        for (value, slot) in stretch.slots(8 * byte, 8).enumerate() {
            let entry = self.entry(&slot);
            let (bitmap, runs) = (&mut bitmaps[value / 64], &mut runs[value / 64]);
            if runs.last() != Some(&entry) || !matches!(entry.kind(), Kind::View(_)) {
                *bitmap |= 1 << (value % 64);
                runs.push(entry);
            }
        }
        let count: usize = runs.iter().map(Vec::len).sum();
        let [page, place] = self.allocate(NODE * RECORD + count);
        let words = &mut self.pages[page];
        let mut next = place + NODE * RECORD;
        for ((record, bitmap), runs) in (place..).step_by(RECORD).zip(bitmaps).zip(runs) {
            let [low, high] = halves(bitmap);
            words[record..record + RECORD].copy_from_slice(&[low, high, next as u32 - 1, 0]);
            for Entry(entry) in runs {
                words[next] = entry;
                next += 1;
            }
        }
        Entry::new(Kind::Node { byte, record: number(page, place) })
    }

    /// Room for so many words in one page, where a record may begin: the page, and the place in it.
    fn allocate(&mut self, words: usize) -> [usize; 2] {
        let words = words.next_multiple_of(RECORD);
        if words > self.free {
            self.pages.push([0; PAGE]);
            self.free = PAGE;
        }
        let place = PAGE - self.free;
        self.free -= words;
        [self.pages.len() - 1, place]
    }
}

/// Of a record.
fn number(page: usize, place: usize) -> u32 {
    ((page * PAGE + place) / RECORD) as u32
}

/// The lower one first.
fn halves(word: u64) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}

const _: () = assert!(IPV4_ROOT.is_multiple_of(PAGE) && IPV6_ROOT == IPV4_ROOT);

#[cfg(test)]
mod tests;
