//! The fast path's maps: the only writer, and readers for the other commands.
//!
//! A table has two halves. What a publication changes is written into the half that no program reads, and then one byte in
//! `SETTINGS` flips, so a change of many answers, and of who is in which view, appears at once. Answer sets are never changed in place: a new one goes
//! into a free slot, and a slot that nothing points to any more is used again only after a grace period.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use aya::maps::{Array, LpmTrie, Map, MapData, PerCpuArray};
use tgdns_common::{
    counter::Counters,
    tables::{AnswerSet, Choice, Halves, LAYOUT, PrefixViews, Service, Settings, capacity, policy},
};

use crate::image::{Image, Slot};
use views::Views;

mod views;

/// The maps that are pinned, by name.
pub const NAMES: [&str; 7] = ["ANSWERS", "CHOICES", "COUNTERS", "INDEX", "SERVICES", "SETTINGS", "VIEWS"];

/// Longer than any program takes that found a slot before it was freed.
const GRACE: Duration = Duration::from_millis(100);

const ANSWER_SET: usize = size_of::<AnswerSet>();
const CHOICE: usize = size_of::<Choice>();
const SERVICE: usize = size_of::<Service>();
const SETTINGS: usize = size_of::<Settings>();
const COUNTERS: usize = size_of::<Counters>();

/// The maps of one loaded program.
pub struct Maps {
    settings: Array<MapData, [u8; SETTINGS]>,
    services: Array<MapData, [u8; SERVICE]>,
    views: Views,
    index: Array<MapData, [u8; 4]>,
    answers: Array<MapData, [u8; ANSWER_SET]>,
    choices: Array<MapData, [u8; CHOICE]>,
    counters: PerCpuArray<MapData, [u8; COUNTERS]>,
    known: Known,
}

/// What the maps say, so that only differences are written.
#[derive(Default)]
struct Known {
    settings: Settings,
    services: Vec<Service>,
    index: Vec<u32>,
    /// By slot, those that the half in use points to.
    answers: BTreeMap<u32, Box<Slot>>,
    free: VecDeque<(u32, Option<Instant>)>,
}

impl Maps {
    /// Takes the maps by their names, and learns what they say.
    ///
    /// # Errors
    /// A map that is missing or of another layout.
    pub fn new(mut take: impl FnMut(&str) -> Result<Map>) -> Result<Self> {
        let settings = Array::try_from(take("SETTINGS")?)?;
        let names = bytemuck::cast::<[u8; SETTINGS], Settings>(settings.get(&0, 0)?).names;
        let mut maps = Self {
            settings,
            services: Array::try_from(take("SERVICES")?)?,
            views: Views::learn(LpmTrie::try_from(take("VIEWS")?)?, names.side())?,
            index: Array::try_from(take("INDEX")?)?,
            answers: Array::try_from(take("ANSWERS")?)?,
            choices: Array::try_from(take("CHOICES")?)?,
            counters: PerCpuArray::try_from(take("COUNTERS")?)?,
            known: Known::default(),
        };
        maps.known = maps.learn().context("reading the maps")?;
        Ok(maps)
    }

    /// An empty answer set says of every name that it is its own: where somebody removed the pin of `ANSWERS` alone, what
    /// points to them goes before a program is attached.
    ///
    /// # Errors
    /// A refused write.
    pub fn forget_empty(&mut self) -> Result<()> {
        let Known { index, answers, .. } = &mut self.known;
        answers.retain(|_, slot| slot.set.negative.length != 0);
        for (place, slot) in (0..).zip(index) {
            if *slot != 0 && self.answers.get(slot, 0).is_ok_and(|set| set == [0; ANSWER_SET]) {
                self.index.set(place, [0; 4], 0).context("writing INDEX")?;
                *slot = 0;
            }
        }
        Ok(())
    }

    /// The maps that are pinned in a directory.
    ///
    /// # Errors
    /// None are, or not by this version.
    pub fn from_pins(directory: &Path) -> Result<Self> {
        check_pins(directory)?;
        Self::new(|name| {
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
        let slots = self.write_answers(image, &mut written)?;
        let mut settings = self.known.settings;
        settings.layout = LAYOUT;
        let side = self.views.prepare(settings.names.side(), &image.prefixes, &mut written)?;

        let index = image.index.iter().map(|place| match *place {
            0 => 0,
            place => slots.get(place as usize - 1).copied().unwrap_or(0),
        });
        let wanted: Vec<u32> = index.collect();
        if let Some(half) = half_to_write(settings.names, image.settings.names, &wanted, &self.known.index) {
            let base = usize::from(half) << image.settings.names.bits;
            for (place, slot) in wanted.iter().enumerate() {
                if self.known.index[base + place] != *slot {
                    self.index.set((base + place) as u32, slot.to_be_bytes(), 0).context("writing INDEX")?;
                    self.known.index[base + place] = *slot;
                    written += 1;
                }
            }
            settings.names = prepared(settings.names, image.settings.names, half);
        }
        settings.names.half = settings.names.in_use() | side << 1;
        if let Some(half) =
            half_to_write(settings.services, image.settings.services, &image.services, &self.known.services)
        {
            let base = usize::from(half) << image.settings.services.bits;
            for (place, service) in image.services.iter().enumerate() {
                if self.known.services[base + place] != *service {
                    self.services
                        .set((base + place) as u32, bytemuck::cast::<_, [u8; SERVICE]>(*service), 0)
                        .context("writing SERVICES")?;
                    self.known.services[base + place] = *service;
                    written += 1;
                }
            }
            settings.services = prepared(settings.services, image.settings.services, half);
        }
        settings.has_views = u8::from(self.views.has_prefixes());
        settings.options = image.settings.options;
        self.flip(settings)?;
        self.views.flipped(&image.prefixes);
        self.free_unused(&slots);
        Ok(written)
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
        self.views.tidy(&mut 0)?;
        let has_views = u8::from(self.views.has_prefixes());
        self.flip(Settings { has_views, ..self.known.settings })
    }

    /// All counters, summed over the CPUs.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn counters(&self) -> Result<Vec<(&'static str, u64)>> {
        let values = self.counters.get(&0, 0).context("reading COUNTERS")?;
        let mut sums = [0_u64; COUNTERS / 8];
        for value in values.iter() {
            let counters: Counters = bytemuck::cast(*value);
            for (sum, count) in sums.iter_mut().zip(counters.values()) {
                *sum += count;
            }
        }
        Ok(Counters::NAMES.iter().copied().zip(sums).collect())
    }

    /// What the maps say, as the responder's tables on the host.
    ///
    /// # Errors
    /// The maps cannot be read.
    pub fn image(&self) -> Result<Image> {
        let known = &self.known;
        let half = |halves: Halves| {
            let size = 1_usize << halves.bits;
            let base = usize::from(halves.in_use()) * size;
            let seed = halves.seed(halves.in_use()).to_be_bytes();
            (base..base + size, Halves { half: 0, seeds: [seed; 2], ..halves })
        };
        let (names_range, names) = half(known.settings.names);
        let (services_range, services) = half(known.settings.services);
        let slots: Vec<u32> = known.answers.keys().copied().collect();
        let place = |slot: &u32| slots.binary_search(slot).map_or(0, |place| place as u32 + 1);
        Ok(Image {
            settings: Settings { names, services, ..known.settings },
            services: known.services.get(services_range).context("SERVICES is too small")?.to_vec(),
            index: known.index.get(names_range).context("INDEX is too small")?.iter().map(place).collect(),
            answers: known.answers.values().map(|slot| Slot::clone(slot)).collect(),
            prefixes: self.views.current().clone().into(),
            zones: Default::default(),
            turns: Default::default(),
        })
    }

    fn learn(&self) -> Result<Known> {
        let settings: Settings = bytemuck::cast(self.settings.get(&0, 0)?);
        let services = (0..self.services.len())
            .map(|place| Ok(bytemuck::cast(self.services.get(&place, 0)?)))
            .collect::<Result<Vec<Service>>>()?;
        let index = (0..self.index.len())
            .map(|place| Ok(u32::from_be_bytes(self.index.get(&place, 0)?)))
            .collect::<Result<Vec<u32>>>()?;
        let size = 1_usize << settings.names.bits;
        let base = usize::from(settings.names.in_use()) * size;
        let mut answers = BTreeMap::new();
        for slot in index.iter().skip(base).take(size).filter(|slot| **slot != 0) {
            let set: AnswerSet = bytemuck::cast(self.answers.get(slot, 0)?);
            let choice = match needs_choice(&set) {
                true => Some(Box::new(bytemuck::cast(self.choices.get(slot, 0)?))),
                false => None,
            };
            answers.insert(*slot, Box::new(Slot { set, choice }));
        }
        let free = (1..self.answers.len())
            .filter(|slot| !answers.contains_key(slot))
            .map(|slot| (slot, None))
            .collect();
        Ok(Known { settings, services, index, answers, free })
    }

    /// Writes the answer sets that are not there yet; gives the slot of each.
    fn write_answers(&mut self, image: &Image, written: &mut usize) -> Result<Vec<u32>> {
        let mut slots = Vec::with_capacity(image.answers.len());
        for wanted in &image.answers {
            let same = self.known.answers.iter().find(|(_, known)| known.as_ref() == wanted);
            slots.push(match same.map(|(slot, _)| *slot) {
                Some(slot) => slot,
                None => {
                    let slot = self.free_slot()?;
                    let bytes: [u8; ANSWER_SET] = bytemuck::cast(wanted.set);
                    self.answers.set(slot, bytes, 0).context("writing ANSWERS")?;
                    if let Some(choice) = &wanted.choice {
                        let bytes: [u8; CHOICE] = bytemuck::cast(**choice);
                        self.choices.set(slot, bytes, 0).context("writing CHOICES")?;
                    }
                    self.known.answers.insert(slot, Box::new(wanted.clone()));
                    *written += 1;
                    slot
                }
            });
        }
        Ok(slots)
    }

    fn free_slot(&mut self) -> Result<u32> {
        let (slot, freed) = self.known.free.pop_front().context("the map ANSWERS is full")?;
        if let Some(freed) = freed {
            thread::sleep(GRACE.saturating_sub(freed.elapsed()));
        }
        Ok(slot)
    }

    fn free_unused(&mut self, used: &[u32]) {
        let now = Instant::now();
        let unused: Vec<u32> =
            self.known.answers.keys().filter(|slot| !used.contains(slot)).copied().collect();
        for slot in unused {
            self.known.answers.remove(&slot);
            self.known.free.push_back((slot, Some(now)));
        }
    }

    /// First the seeds of the halves that nobody reads, then the bytes that choose the halves.
    fn flip(&mut self, settings: Settings) -> Result<()> {
        let known = self.known.settings;
        let prepared = Settings {
            names: Halves { half: known.names.half, ..settings.names },
            services: Halves { half: known.services.half, ..settings.services },
            ..settings
        };
        for next in [prepared, settings] {
            if next != self.known.settings {
                let bytes: [u8; SETTINGS] = bytemuck::cast(next);
                self.settings.set(0, bytes, 0).context("writing SETTINGS")?;
                self.known.settings = next;
            }
        }
        Ok(())
    }
}

fn needs_choice(set: &AnswerSet) -> bool {
    set.policy & (policy::WEIGHTED | policy::STICKY) != 0
}

/// The half to write, or nothing where the half in use says the same.
fn half_to_write<T: PartialEq>(current: Halves, wanted: Halves, entries: &[T], known: &[T]) -> Option<u8> {
    let base = usize::from(current.in_use()) << current.bits;
    let same = current.bits == wanted.bits
        && current.seed(current.in_use()) == wanted.seed(0)
        && known.get(base..base + entries.len()) == Some(entries);
    (!same).then_some(1 - current.in_use())
}

/// The settings that make a half the one in use.
fn prepared(current: Halves, wanted: Halves, half: u8) -> Halves {
    let mut halves = Halves { half, bits: wanted.bits, ..current };
    halves.seeds[usize::from(half)] = wanted.seed(0).to_be_bytes();
    halves
}

/// Whether the pinned maps are this version's; a directory without pins is fine.
///
/// # Errors
/// They are another's, which says what to do.
pub fn check_pins(directory: &Path) -> Result<()> {
    let sizes = [
        ("ANSWERS", ANSWER_SET, capacity::ANSWERS),
        ("CHOICES", CHOICE, capacity::ANSWERS),
        ("COUNTERS", COUNTERS, 1),
        ("INDEX", 4, capacity::INDEX),
        ("SERVICES", SERVICE, capacity::SERVICES),
        ("SETTINGS", SETTINGS, 1),
        ("VIEWS", size_of::<PrefixViews>(), capacity::PREFIXES),
    ];
    let other = |name: &str| {
        format!(
            "the map {} is of another version of tgdns: remove its pins first, with `tgdns detach --pin-dir {}`",
            directory.join(name).display(),
            directory.display()
        )
    };
    for (name, value_size, entries) in sizes {
        let path = directory.join(name);
        if !path.exists() {
            continue;
        }
        let data =
            MapData::from_pin(&path).with_context(|| format!("cannot open the pin {}", path.display()))?;
        let info = data.info().with_context(|| format!("cannot ask for the map {}", path.display()))?;
        let same = info.value_size() as usize == value_size && info.max_entries() as usize == entries;
        ensure!(same, other(name));
        if name == "SETTINGS" {
            let map: Array<_, [u8; SETTINGS]> = Array::try_from(Map::from_map_data(data)?)?;
            let settings: Settings = bytemuck::cast(map.get(&0, 0)?);
            ensure!(settings == Settings::default() || settings.layout == LAYOUT, other(name));
        }
    }
    Ok(())
}
