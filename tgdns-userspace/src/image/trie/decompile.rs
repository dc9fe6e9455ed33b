//! What a compiled table says: who starts learns from the kernel's tables what they are told.

use anyhow::{Context as _, Result, ensure};
use tgdns_common::trie::{Entry, IPV6_ROOT, Kind, PAGE, RECORD};

use super::{Area, Table};
use crate::image::prefixes::{Beginning, Prefixes};

/// The prefixes that a table was compiled from.
///
/// # Errors
/// It is no such table.
pub(crate) fn prefixes(table: &Table) -> Result<Prefixes> {
    let mut ipv4 = Vec::new();
    for (place, half) in (0..IPV6_ROOT).zip(0_u128..) {
        let area = Area { first: Area::IPV4.first | half << 16, length: Area::IPV4.length + 16 };
        walk(table, Entry(word(table, place)?), area, &mut ipv4)?;
    }
    let mut ipv6 = Vec::new();
    walk(table, Entry(word(table, IPV6_ROOT)?), Area::ALL, &mut ipv6)?;
    let ipv6 = Prefixes::from_beginnings(ipv6);
    let behind = Area::IPV4.last() + 1;
    let all = ipv6.beginnings().iter().copied();
    let below = all.clone().take_while(|(first, _)| *first < behind);
    let above = all.skip_while(|(first, _)| *first <= behind);
    Ok(Prefixes::from_beginnings(below.chain(ipv4).chain([(behind, ipv6.view(behind))]).chain(above)))
}

/// Adds where views begin in an area, in order; where that is at the same address, the last word counts.
fn walk(table: &Table, entry: Entry, area: Area, found: &mut Vec<Beginning>) -> Result<()> {
    match entry.kind() {
        Kind::View(view) => found.push((area.first, view)),
        Kind::Guard { is_low, record } => {
            let place = record as usize * RECORD;
            let shift = word(table, place + 3)?;
            let length = if is_low { 128 } else { 64_u32 }.checked_sub(shift).context("a shift too far")?;
            let begin = (u128::from(double_word(table, place)?) << shift) << if is_low { 0 } else { 64 };
            let begin = if is_low { begin | Area::around(area.first, 64).first } else { begin };
            let inner = Area { first: begin, length: length as u8 };
            ensure!(area.holds(inner) && area != inner, "a guard of other addresses");
            let outside = entry_of(table, place, 1)?;
            walk(table, outside, Area { length: 128, ..area }, found)?;
            walk(table, entry_of(table, place, 2)?, inner, found)?;
            if inner.last() < area.last() {
                walk(table, outside, Area { first: inner.last() + 1, length: 128 }, found)?;
            }
        }
        Kind::Node { byte, record } => {
            ensure!(byte == area.length / 8, "a node of another byte");
            let base = Area::around(area.first, byte * 8).first;
            for value in 0..256_u32 {
                let first = base | u128::from(value) << (120 - 8 * byte);
                let slot = Area { first, length: 8 * byte + 8 };
                if area.holds(slot) {
                    let place = record as usize * RECORD + value as usize / 64 * RECORD;
                    let rank = (double_word(table, place)? << (63 - value % 64)).count_ones();
                    walk(table, entry_of(table, place, rank)?, slot, found)?;
                }
            }
        }
    }
    Ok(())
}

/// An entry of a record by its rank.
fn entry_of(table: &Table, record: usize, rank: u32) -> Result<Entry> {
    let place = word(table, record + 2)?.wrapping_add(rank) as usize % PAGE;
    word(table, record / PAGE * PAGE + place).map(Entry)
}

fn double_word(table: &Table, place: usize) -> Result<u64> {
    Ok(u64::from(word(table, place)?) | u64::from(word(table, place + 1)?) << 32)
}

fn word(table: &Table, place: usize) -> Result<u32> {
    let page = table.pages.get(place / PAGE).context("a page is missing")?;
    Ok(page[place % PAGE])
}
