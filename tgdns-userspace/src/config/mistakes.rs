//! The list that every step of reading a configuration reports into.

use std::{collections::HashSet, ops::Range};

use super::{ConfigError, file::Given};

/// A place in the text, in bytes.
pub(super) type Span = Range<usize>;

/// What is wrong so far, and which keys are not known for having been wrong.
pub(super) struct Mistakes<'t> {
    text: &'t str,
    found: Vec<(usize, String)>,
    /// Keys that were there but wrong, by the span of their table; and lists that lost an element, under `LIST`.
    lost: HashSet<(Span, String)>,
}

/// What a list that lost an element is kept under: no key of the format is empty.
const LIST: &str = "";

impl<'t> Mistakes<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new(), lost: HashSet::new() }
    }

    pub(super) fn add(&mut self, at: &Span, message: impl Into<String>) {
        self.found.push((at.start, message.into()));
    }

    /// The value of a key that its table must have; without it a mistake, unless it was there and wrong.
    pub(super) fn required<T>(&mut self, value: Given<T>, table: &Span, key: &str, advice: &str) -> Given<T> {
        if value.is_none() && !self.was_wrong(table, key) {
            self.add(table, format!("`{key}` is missing: {advice}"));
        }
        value
    }

    pub(super) fn lose_key(&mut self, table: &Span, key: &str) {
        self.lost.insert((table.clone(), key.to_owned()));
    }

    pub(super) fn lose_element(&mut self, list: &Span) {
        self.lost.insert((list.clone(), LIST.to_owned()));
    }

    /// Whether a key was given but wrong, so that its absence means nothing.
    pub(super) fn was_wrong(&self, table: &Span, key: &str) -> bool {
        self.lost.contains(&(table.clone(), key.to_owned()))
    }

    /// Whether any key of a table was given but wrong, so that what is left of it means little.
    pub(super) fn lost_key(&self, table: &Span) -> bool {
        self.lost.iter().any(|(holder, key)| holder == table && key != LIST)
    }

    /// Whether a list had an element that was wrong, so that its emptiness means nothing.
    pub(super) fn lost_element(&self, list: &Span) -> bool {
        self.was_wrong(list, LIST)
    }

    /// The line of a place, for messages that speak of two places.
    pub(super) fn line(&self, at: &Span) -> usize {
        position(self.text, at.start).0
    }

    /// All mistakes in the order of the text.
    pub(super) fn into_errors(mut self) -> Vec<ConfigError> {
        self.found.sort_by_key(|(offset, _)| *offset);
        // What is wrong in one table may be found again in each that is written over it.
        let mut told = HashSet::new();
        self.found.retain(|mistake| told.insert(mistake.clone()));
        let text = self.text;
        let error = |(offset, message)| {
            let (line, column) = position(text, offset);
            ConfigError { line, column, message }
        };
        self.found.into_iter().map(error).collect()
    }
}

/// Line and column of a byte in a text, both from 1, the column in characters.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    let characters = before[line_start..].trim_start_matches('\u{feff}').chars().count();
    (line, characters + 1)
}
