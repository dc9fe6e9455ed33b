//! The fast path's maps: the only writer, and readers for the other commands.
//!
//! A table has several copies. What a publication changes is written into one that no program reads, and then one byte in
//! `SETTINGS` changes, so a change of many answers, and of who is in which view, appears at once. Nothing is written where a
//! program may still be reading what an earlier publication said.

use std::{path::Path, sync::Arc, time::Instant};

use anyhow::{Context as _, Result, bail};
use aya::maps::{Array, Map, MapData, PerCpuArray};
use tgdns_common::{
    counter::Counters,
    rate::RateLimit,
    tables::{Copies, LAYOUT, Service, Settings, capacity},
};

use crate::image::Image;
use answers::Answers;
pub use layout::foreign;
use table::Table;
pub use views::TABLES;
use views::Views;

mod answers;
mod grace;
mod layout;
mod left;
pub mod limited;
mod table;
mod views;

/// The maps that are pinned, by name.
pub const NAMES: [&str; 8] =
    ["ANSWERS", "CHOICES", "COUNTERS", "INDEX", "LIMIT", "SERVICES", "SETTINGS", "VIEWS"];

const SERVICE: usize = size_of::<Service>();
const SETTINGS: usize = size_of::<Settings>();
const COUNTERS: usize = size_of::<Counters>();
const LIMIT: usize = size_of::<RateLimit>();
/// A slot's number, in network order.
const SLOT: usize = 4;

/// The maps of one loaded program.
pub struct Maps {
    settings: Array<MapData, [u8; SETTINGS]>,
    /// What `settings` says.
    known: Settings,
    services: Table<Service, SERVICE>,
    views: Views,
    index: Table<[u8; SLOT], SLOT>,
    answers: Answers,
    limit: Array<MapData, [u8; LIMIT]>,
    counters: PerCpuArray<MapData, [u8; COUNTERS]>,
}

impl Maps {
    /// Takes the maps by their names, and learns what they say. In the directory they are pinned, if they are.
    ///
    /// # Errors
    /// A map that is missing or of another layout.
    pub fn new(directory: Option<&Path>, mut take: impl FnMut(&str) -> Result<Map>) -> Result<Self> {
        let settings = Array::try_from(take("SETTINGS")?)?;
        let known: Settings = bytemuck::cast::<[u8; SETTINGS], _>(settings.get(&0, 0)?);
        let index = Table::learn("INDEX", take("INDEX")?, capacity::INDEX_COPIES, known.names)?;
        let slots = index.entries(known.names)?.iter().map(|slot| u32::from_be_bytes(*slot));
        let answers = Answers::learn(take("ANSWERS")?, take("CHOICES")?, slots.filter(|slot| *slot != 0))
            .context("reading ANSWERS and CHOICES")?;
        Ok(Self {
            settings,
            known,
            services: Table::learn("SERVICES", take("SERVICES")?, capacity::SERVICES_COPIES, known.services)?,
            views: Views::learn(take("VIEWS")?, known.names.side(), directory).context("reading VIEWS")?,
            index,
            answers,
            limit: Array::try_from(take("LIMIT")?)?,
            counters: PerCpuArray::try_from(take("COUNTERS")?)?,
        })
    }

    /// An empty answer set says of every name that it is its own: where somebody removed the pin of `ANSWERS` alone, what
    /// points to them goes before a program is attached.
    ///
    /// # Errors
    /// A refused write.
    pub fn forget_empty(&mut self) -> Result<()> {
        self.answers.forget_empty();
        let answers = &self.answers;
        self.index.forget(self.known.names, |slot| {
            *slot != [0; SLOT] && answers.is_empty(u32::from_be_bytes(*slot))
        })
    }

    /// The maps that are pinned in a directory.
    ///
    /// # Errors
    /// None are, or not by this version.
    pub fn from_pins(directory: &Path) -> Result<Self> {
        if let Some(foreign) = foreign(directory)? {
            bail!("{foreign}: `tgdns run` of this version takes over from it, and `tgdns detach` removes it");
        }
        Self::new(Some(directory), |name| {
            let path = directory.join(name);
            let data = MapData::from_pin(&path).with_context(|| {
                format!("no fast path is pinned in {}: is `tgdns run` with XDP started?", directory.display())
            })?;
            Ok(Map::from_map_data(data)?)
        })
    }

    /// Makes the maps say what the image says. Returns how many entries it wrote.
    ///
    /// # Errors
    /// A refused write; readers then still see what was said before.
    pub fn publish(&mut self, image: &Image) -> Result<usize> {
        let mut written = 0;
        let (before, wanted) = (self.known, image.settings);
        let slots = self.answers.write(&image.answers, &mut written)?;
        let side = self.views.prepare(before.names.side(), &image.prefixes, &mut written)?;
        let slot_at = |place: &u32| {
            let slot = place.checked_sub(1).and_then(|place| slots.get(place as usize));
            slot.map_or([0; SLOT], |slot| slot.to_be_bytes())
        };
        let index: Vec<[u8; SLOT]> = image.index.iter().map(slot_at).collect();
        let names = self.index.prepare(before.names, wanted.names, &index, &mut written)?;
        let services =
            self.services.prepare(before.services, wanted.services, &image.services, &mut written)?;
        // Who reads half of it judges a few queries by old and new numbers.
        if let Some(limit) = &image.rate_limit {
            let bytes: [u8; LIMIT] = bytemuck::cast(*limit);
            if self.limit.get(&0, 0).context("reading LIMIT")? != bytes {
                self.limit.set(0, bytes, 0).context("writing LIMIT")?;
                written += 1;
            }
        }
        self.flip(Settings {
            names: names.with(names.number(), side),
            services,
            has_views: u8::from(self.views.is_in_use()),
            layout: LAYOUT,
            options: wanted.options,
            when_stale: wanted.when_stale,
            limited: wanted.limited,
            ..before
        })?;
        self.index.flipped(before.names, names);
        self.services.flipped(before.services, services);
        self.views.flipped(&image.prefixes);
        self.answers.keep(slots);
        Ok(written)
    }

    /// Takes in what the program's beat has put into `SETTINGS`: whoever writes that leaves it as it is.
    pub fn beaten(&mut self, stale_at: [u8; 8]) {
        self.known.stale_at = stale_at;
    }

    /// Their pins have been moved to another directory.
    ///
    /// # Errors
    /// A pin there that is of no use can't be removed.
    pub fn moved_to(&mut self, directory: &Path) -> Result<()> {
        self.views.moved_to(directory)
    }

    /// When [`Self::tidy`] has something to do.
    pub fn tidy_at(&self) -> Option<Instant> {
        self.views.tidy_at()
    }

    /// Removes what the last publications have left and no program reads any more.
    ///
    /// # Errors
    /// A refused write; nobody is told anything else for it.
    pub fn tidy(&mut self) -> Result<()> {
        self.views.tidy(self.known.names.side())?;
        let has_views = u8::from(self.views.is_in_use());
        self.flip(Settings { has_views, ..self.known })
    }

    /// All counters, summed over the CPUs.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn counters(&self) -> Result<Vec<(&'static str, u64)>> {
        let mut sums = [0_u64; COUNTERS / 8];
        for counters in self.counters_by_cpu()? {
            for (sum, count) in sums.iter_mut().zip(counters.values()) {
                *sum += count;
            }
        }
        Ok(Counters::NAMES.iter().copied().zip(sums).collect())
    }

    /// The counters of each CPU.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn counters_by_cpu(&self) -> Result<Vec<Counters>> {
        let values = self.counters.get(&0, 0).context("reading COUNTERS")?;
        Ok(values.iter().map(|value| bytemuck::cast(*value)).collect())
    }

    /// What the maps say, as the responder's tables on the host.
    ///
    /// # Errors
    /// The maps contradict themselves.
    pub fn image(&self) -> Result<Image> {
        // An image has one copy of each table.
        let only = |copies: Copies| {
            let seed = copies.seed(copies.number()).to_be_bytes();
            Copies { current: 0, seeds: [seed; 2], ..copies }
        };
        let numbers: Vec<u32> = self.answers.slots().map(|(number, _)| number).collect();
        let place = |slot: &[u8; SLOT]| {
            numbers.binary_search(&u32::from_be_bytes(*slot)).map_or(0, |place| place as u32 + 1)
        };
        Ok(Image {
            settings: Settings {
                names: only(self.known.names),
                services: only(self.known.services),
                ..self.known
            },
            services: self.services.entries(self.known.services)?.into(),
            index: self.index.entries(self.known.names)?.iter().map(place).collect(),
            answers: self.answers.slots().map(|(_, slot)| Arc::clone(slot)).collect(),
            prefixes: self.views.current().clone().into(),
            zones: Default::default(),
            rate_limit: None,
            freshness: Default::default(),
            turns: Default::default(),
        })
    }

    /// First the seeds of the copies that nobody reads, then the bytes that choose the copies, one for each table.
    ///
    /// The kernel copies a value word by word while programs read its fields one after the other, so neither write is one instant for
    /// them. The first changes nothing that a copy in use is read by: seeds change when their copies' last readers have ended
    /// (`Table::prepare`), `bits` never, and the flags beside them hold for the answers of before and after alike (`when_stale` counts where
    /// answers are stale, and a beat comes first). After the second, a program has the old number or the new one, which it reads
    /// once and before the seed that goes with it (`answer::view_of`). The writes are two system calls behind those that filled the
    /// copy, and x86-64 keeps the order of stores, as of loads: with a new number the seed and the entries are new ones, too. Where a
    /// machine does not, a key is not found in its place, and as the name is compared, the query is passed up and not answered wrongly.
    /// The tables' numbers may be seen apart, as addresses and names do not depend on each other.
    fn flip(&mut self, settings: Settings) -> Result<()> {
        let prepared = Settings {
            names: Copies { current: self.known.names.current, ..settings.names },
            services: Copies { current: self.known.services.current, ..settings.services },
            ..settings
        };
        for next in [prepared, settings] {
            if next != self.known {
                let bytes: [u8; SETTINGS] = bytemuck::cast(next);
                self.settings.set(0, bytes, 0).context("writing SETTINGS")?;
                self.known = next;
            }
        }
        Ok(())
    }
}
