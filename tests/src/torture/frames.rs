//! Frames made from the vectors' frames, each by a random source of its own.

use std::{ops::Range, sync::Arc};

use anyhow::Result;
use fastrand::Rng;

use super::{
    envelope::{self, Envelope},
    message, mutate,
};
use crate::vectors::{self, Expected, tables::TableSet};

/// No NIC delivers less than an Ethernet header.
const SHORTEST: usize = 14;
/// Longer ones than any NIC's usual, and short enough that the kernel gives them a buffer in one piece.
const LONGEST: usize = 3000;

/// The frames that all others come from.
pub struct Seeds {
    sets: Vec<Set>,
    frames: Vec<Vec<u8>>,
}

/// The frames of one table set.
pub struct Set {
    pub tables: Arc<TableSet>,
    frames: Vec<Vec<u8>>,
    /// Those of them that are answered.
    answered: Vec<Vec<u8>>,
    /// The questions' names, in wire form.
    names: Vec<Vec<u8>>,
}

impl Seeds {
    /// The vectors'.
    ///
    /// # Errors
    /// A vector that is not well-formed.
    pub fn new() -> Result<Self> {
        let mut sets: Vec<Set> = Vec::new();
        let mut frames = Vec::new();
        for vector in vectors::all()? {
            frames.push(vector.frame.clone());
            if sets.last().is_none_or(|set| set.tables.name != vector.tables.name) {
                sets.push(Set::new(&vector.tables));
            }
            let Some(set) = sets.last_mut() else { continue };
            if let Some(name) = question_name(&vector.frame)
                && !set.names.contains(&name)
            {
                set.names.push(name);
            }
            if matches!(vector.expected, Expected::Reply { .. }) {
                set.answered.push(vector.frame.clone());
            }
            set.frames.push(vector.frame);
        }
        Ok(Self { sets, frames })
    }

    /// So many frames, shared out among the sets as the vectors are: each with the numbers of its frames.
    pub fn shares(&self, frames: u64) -> impl Iterator<Item = (&Set, Range<u64>)> {
        let mut vectors = 0;
        self.sets.iter().map(move |set| {
            let place = |vectors: usize| frames * vectors as u64 / self.frames.len() as u64;
            let start = place(vectors);
            vectors += set.frames.len();
            (set, start..place(vectors))
        })
    }

    /// The frame of that number.
    pub fn frame(&self, set: &Set, seed: u64, number: u64) -> Vec<u8> {
        let mut random = Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // What is refused is refused early, mostly, and shows little of the responder.
        let frames = if random.bool() && !set.answered.is_empty() { &set.answered } else { &set.frames };
        let mut frame = random.choice(frames).cloned().unwrap_or_default();
        let other = random.choice(&self.frames).map_or(&[][..], Vec::as_slice);
        match random.u8(..20) {
            0..=14 => mutate_message(&mut frame, set, other, &mut random),
            15 | 16 => mutate_headers(&mut frame, &mut random),
            _ => mutate_frame(&mut frame, other, &mut random),
        }
        // Most frames would end at the first checksum.
        if random.u8(..16) != 0 {
            envelope::sign(&mut frame);
        }
        frame.resize(frame.len().clamp(SHORTEST, LONGEST), 0);
        frame
    }
}

impl Set {
    fn new(tables: &Arc<TableSet>) -> Self {
        Self { tables: Arc::clone(tables), frames: Vec::new(), answered: Vec::new(), names: Vec::new() }
    }
}

fn mutate_message(frame: &mut Vec<u8>, set: &Set, other: &[u8], random: &mut Rng) {
    let Some(envelope) = Envelope::find(frame) else { return mutate_frame(frame, other, random) };
    let mut message = frame[envelope.message..envelope.end].to_vec();
    let other = Envelope::find(other).map_or(other, |envelope| &other[envelope.message..envelope.end]);
    for _ in 0..random.usize(..4) {
        message::mutate(&mut message, &set.names, other, random);
    }
    message.truncate(LONGEST);
    envelope.replace(frame, &message);
}

fn mutate_headers(frame: &mut Vec<u8>, random: &mut Rng) {
    let end = Envelope::find(frame).map_or(frame.len(), |envelope| envelope.message);
    let mut headers: Vec<u8> = frame.drain(..end).collect();
    for _ in 0..random.usize(1..=2) {
        mutate::bytes(&mut headers, random);
    }
    frame.splice(0..0, headers);
}

fn mutate_frame(frame: &mut Vec<u8>, other: &[u8], random: &mut Rng) {
    for _ in 0..random.usize(1..=3) {
        match random.u8(..6) {
            0 => mutate::length(frame, random),
            1 => mutate::splice(frame, other, random),
            _ => mutate::bytes(frame, random),
        }
    }
}

fn question_name(frame: &[u8]) -> Option<Vec<u8>> {
    let envelope = Envelope::find(frame)?;
    let question = frame.get(envelope.message + 12..envelope.end)?;
    let mut end = 0;
    loop {
        let length = usize::from(*question.get(end)?);
        end += 1 + length;
        if length == 0 {
            return question.get(..end).map(<[u8]>::to_vec);
        }
    }
}
