//! The maps `ANSWERS` and `CHOICES`: slots, which are never changed in place. What is new goes into a free slot, and a slot that
//! nothing points to any more is free again after a grace period.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context as _, Result};
use aya::maps::{Array, Map, MapData};
use tgdns_common::{
    name,
    tables::{AnswerSet, Choice, policy},
};

use super::grace::outlast;
use crate::image::Slot;

pub(super) const ANSWER_SET: usize = size_of::<AnswerSet>();
pub(super) const CHOICE: usize = size_of::<Choice>();

pub(super) struct Answers {
    answers: Array<MapData, [u8; ANSWER_SET]>,
    choices: Array<MapData, [u8; CHOICE]>,
    /// By slot, those that the index points to, and those that were written for it since.
    known: BTreeMap<u32, Arc<Slot>>,
    /// Those of them that the index points to.
    used: HashSet<u32>,
    /// The same by their places in the last image.
    placed: Vec<u32>,
    /// With the time when the index no longer pointed to them, where that may not be long ago.
    free: VecDeque<(u32, Option<Instant>)>,
}

impl Answers {
    /// Learns what the maps say in the slots that are in use.
    ///
    /// # Errors
    /// They are of another type, or cannot be read.
    pub(super) fn learn(answers: Map, choices: Map, used: impl Iterator<Item = u32>) -> Result<Self> {
        let answers: Array<_, [u8; ANSWER_SET]> = Array::try_from(answers)?;
        let choices: Array<_, [u8; CHOICE]> = Array::try_from(choices)?;
        let mut known = BTreeMap::new();
        for slot in used {
            let set: AnswerSet = bytemuck::cast(answers.get(&slot, 0)?);
            let choice = match needs_choice(&set) {
                true => Some(Box::new(bytemuck::cast(choices.get(&slot, 0)?))),
                false => None,
            };
            known.insert(slot, Arc::new(Slot { set, choice }));
        }
        // A writer that ended just before may have left them a moment ago, where there has been one.
        let left_at = (!known.is_empty()).then(Instant::now);
        let free =
            (1..answers.len()).filter(|slot| !known.contains_key(slot)).map(|slot| (slot, left_at)).collect();
        let used = known.keys().copied().collect();
        Ok(Self { answers, choices, known, used, placed: Vec::new(), free })
    }

    /// The slots that are in use, in the order of their numbers.
    pub(super) fn slots(&self) -> impl Iterator<Item = (u32, &Arc<Slot>)> {
        let used = self.known.iter().filter(|(number, _)| self.used.contains(number));
        used.map(|(number, slot)| (*number, slot))
    }

    /// Whether a slot has never been written.
    pub(super) fn is_empty(&self, slot: u32) -> bool {
        self.answers.get(&slot, 0).is_ok_and(|set| set == [0; ANSWER_SET])
    }

    /// Frees the slots that hold nothing, though the index points to them.
    pub(super) fn forget_empty(&mut self) {
        let holds = |slot: &u32| self.known.get(slot).is_some_and(|slot| slot.set.negative.length != 0);
        self.used.retain(holds);
        self.take_back();
    }

    /// Writes those that are not there yet; gives the slot of each.
    ///
    /// # Errors
    /// A refused write, or no slot is free.
    pub(super) fn write(&mut self, wanted: &[Arc<Slot>], written: &mut usize) -> Result<Vec<u32>> {
        self.take_back();
        let mut by_key = None;
        let mut slots = Vec::with_capacity(wanted.len());
        for (place, wanted) in wanted.iter().enumerate() {
            let placed = self.placed.get(place).and_then(|number| Some((*number, self.known.get(number)?)));
            let same = match placed {
                Some((number, known)) if Arc::ptr_eq(known, wanted) => {
                    slots.push(number);
                    continue;
                }
                // There is one set with that key.
                Some((number, known)) if key(known) == key(wanted) => (known == wanted).then_some(number),
                // The places are another image's, or another run's.
                _ => {
                    let by_key = by_key.get_or_insert_with(|| self.by_key());
                    by_key.get(&key(wanted)).copied().filter(|number| self.known.get(number) == Some(wanted))
                }
            };
            slots.push(match same {
                Some(number) => {
                    // Known by its pointer from now on.
                    self.known.insert(number, Arc::clone(wanted));
                    number
                }
                None => {
                    *written += 1;
                    self.write_one(wanted)?
                }
            });
        }
        Ok(slots)
    }

    fn by_key(&self) -> HashMap<Key, u32> {
        self.known.iter().map(|(number, slot)| (key(slot), *number)).collect()
    }

    /// Frees what was written for a publication that failed, and what is forgotten: no program is pointed to it.
    fn take_back(&mut self) {
        for number in self.forget_unused() {
            self.free.push_front((number, None));
        }
    }

    fn write_one(&mut self, wanted: &Arc<Slot>) -> Result<u32> {
        let (number, left_at) = *self.free.front().context("the map ANSWERS is full")?;
        if let Some(left_at) = left_at {
            let outlasted = Some(outlast(left_at));
            // It is the one that was left first.
            let others = self.free.iter_mut().take_while(|(_, left_at)| *left_at <= outlasted);
            others.for_each(|(_, left_at)| *left_at = None);
        }
        if let Some(choice) = &wanted.choice {
            let bytes: [u8; CHOICE] = bytemuck::cast(**choice);
            self.choices.set(number, bytes, 0).context("writing CHOICES")?;
        }
        let bytes: [u8; ANSWER_SET] = bytemuck::cast(wanted.set);
        self.answers.set(number, bytes, 0).context("writing ANSWERS")?;
        self.free.pop_front();
        self.known.insert(number, Arc::clone(wanted));
        Ok(number)
    }

    /// The index points to these from now on, and to no others.
    pub(super) fn keep(&mut self, used: Vec<u32>) {
        self.used = used.iter().copied().collect();
        self.placed = used;
        let now = Some(Instant::now());
        for number in self.forget_unused() {
            self.free.push_back((number, now));
        }
    }

    /// Gives the slots that the index does not point to, which are known no more.
    fn forget_unused(&mut self) -> Vec<u32> {
        let unused: Vec<u32> =
            self.known.keys().filter(|number| !self.used.contains(number)).copied().collect();
        unused.iter().for_each(|number| drop(self.known.remove(number)));
        unused
    }
}

/// What a set is found by.
type Key = ([[u8; 8]; name::WORDS], [u8; 4]);

fn key(slot: &Slot) -> Key {
    (slot.set.name, slot.set.view)
}

fn needs_choice(set: &AnswerSet) -> bool {
    set.policy & (policy::WEIGHTED | policy::STICKY) != 0
}
