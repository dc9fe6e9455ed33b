//! Which view a client is in: the tables that the controller compiles the views' prefixes into, and the way through them.
//!
//! It is a trie with strides of eight bits whose nodes keep runs of equal children once, under a bitmap, and whose paths without
//! a fork are one comparison (as in M. Degermark et al., "Small Forwarding Tables for Fast Routing Lookups", 1997, and in
//! H. Asai, Y. Ohara, "Poptrie", 2015). An IPv4 client's upper half is looked up at once. So an IPv4 client takes three
//! steps at most, whatever the number of prefixes, and an IPv6 client as many as its address has bytes.
//!
//! A table is pages of words in the machine's order, which the program loads as they are. The first `IPV4_ROOT` words are
//! entries, one for each upper half of an IPv4 address; the word behind them is the entry for IPv6. An entry is a view,
//! or says where a *record* of four words is, and what it is:
//!
//! * a *node* is four records, one for 64 values each of the address' next byte: a bitmap (two words, the lower one first) of the
//!   values where a run of equal entries begins, and the place in the page before the first of these entries;
//! * a *guard* is one record: the beginning of one word of the address (two words), the place before its two entries, for addresses
//!   that begin otherwise and for those that begin so, and by how many bits the address is to be shifted.
//!
//! A record's entries are in its own page, so that each step looks up one.

use crate::tables::{Address, DEFAULT_VIEW};

/// Words of a page.
pub const PAGE: usize = 1024;

pub type Page = [u32; PAGE];

/// Entries for the upper halves of IPv4 addresses.
pub const IPV4_ROOT: usize = 1 << 16;

/// Where the entry for IPv6 is.
pub const IPV6_ROOT: usize = IPV4_ROOT;

/// Words of a record.
pub const RECORD: usize = 4;

/// Records of a node.
pub const NODE: usize = 4;

/// Bytes of an IPv4 address that are not looked up at once, and those of an IPv6 address.
const STEPS: [usize; 2] = [2, 16];

/// An entry: a view, which is less than 2 to the power of 31, or where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(pub u32);

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    View(u32),
    /// The byte of the address, 0 to 15, and the number of the first record.
    Node {
        byte: u8,
        record: u32,
    },
    /// Whether it is about the address' lower word, and the number of the record.
    Guard {
        is_low: bool,
        record: u32,
    },
}

impl Entry {
    const RECORD: u32 = 1 << 31;
    const GUARD: u32 = 1 << 30;
    const LOW: u32 = 1 << 29;
    const BYTE_SHIFT: u32 = 26;
    const NUMBER: u32 = (1 << Self::BYTE_SHIFT) - 1;

    /// Records that a table may have.
    pub const RECORDS: usize = 1 << Self::BYTE_SHIFT;

    pub const fn new(kind: Kind) -> Self {
        Self(match kind {
            Kind::View(view) => view & !Self::RECORD,
            Kind::Node { byte, record } => {
                Self::RECORD | (byte as u32 & 15) << Self::BYTE_SHIFT | record & Self::NUMBER
            }
            Kind::Guard { is_low, record } => {
                Self::RECORD | Self::GUARD | if is_low { Self::LOW } else { 0 } | record & Self::NUMBER
            }
        })
    }

    pub const fn kind(self) -> Kind {
        let record = self.0 & Self::NUMBER;
        if self.0 & Self::RECORD == 0 {
            Kind::View(self.0)
        } else if self.0 & Self::GUARD == 0 {
            Kind::Node { byte: (self.0 >> Self::BYTE_SHIFT) as u8 & 15, record }
        } else {
            Kind::Guard { is_low: self.0 & Self::LOW != 0, record }
        }
    }
}

/// The pages of a table.
pub trait Pages {
    /// Nothing where the table has no such page.
    fn page(&self, number: u32) -> Option<&Page>;
}

/// The view of a client; the default one where the table is not whole.
#[inline(always)]
pub fn view(client: Address, table: &impl Pages) -> u32 {
    let [high, low] = client.0.map(u64::swap_bytes);
    let found = if client.is_ipv4() {
        follow::<{ STEPS[0] }>([low, low], (low >> 16) as u32 & 0xffff, table)
    } else {
        follow::<{ STEPS[1] }>([high, low], IPV6_ROOT as u32, table)
    };
    found.unwrap_or(DEFAULT_VIEW)
}

/// Follows the entry at a place, so many steps at most.
#[inline(always)]
fn follow<const STEPS: usize>(address: [u64; 2], place: u32, table: &impl Pages) -> Option<u32> {
    let mut entry = table.page(place / PAGE as u32)?[place as usize % PAGE];
    for _ in 0..STEPS {
        if entry & Entry::RECORD == 0 {
            return Some(entry);
        }
        entry = step(address, entry, table)?;
    }
    (entry & Entry::RECORD == 0).then_some(entry)
}

/// From one entry to the next.
#[inline(always)]
fn step([high, low]: [u64; 2], entry: u32, table: &impl Pages) -> Option<u32> {
    const RECORDS: u32 = (PAGE / RECORD) as u32;
    let word = if entry & Entry::LOW == 0 { high } else { low };
    let byte = (word >> (56 - (entry >> Entry::BYTE_SHIFT & 7) * 8)) as u32 & 0xff;
    let is_guard = entry & Entry::GUARD != 0;
    let record = (entry & Entry::NUMBER) + if is_guard { 0 } else { byte >> 6 };
    let page = table.page(record / RECORDS)?;
    let first = (record % RECORDS) as usize * RECORD;
    let bits = u64::from(page[first]) | u64::from(page[first + 1]) << 32;
    let rank = if is_guard {
        1 + u32::from(word >> (page[first + 3] & 63) == bits)
    } else {
        (bits << (63 - (byte & 63))).count_ones()
    };
    Some(page[(page[first + 2] + rank) as usize % PAGE])
}
