//! From text to the types of the format, past every mistake.
//!
//! serde stops at the first thing it can't take. So what it could not take is reported, cut out of the tree, and the
//! tree is tried again, until nothing is left to complain about.

use std::collections::HashSet;

use serde::Deserialize as _;
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue, Error},
};

use super::{
    file::File,
    mistakes::{Mistakes, Span},
};

/// The file as far as it can be understood; none where the text is no TOML, since what its rest means would be a guess.
pub(super) fn file(text: &str, mistakes: &mut Mistakes<'_>) -> Option<File> {
    let (tree, errors) = DeTable::parse_recoverable(text);
    // A key or table that is there twice leaves the rest of the tree whole.
    let (repeated, broken): (Vec<Error>, Vec<Error>) =
        errors.into_iter().partition(|error| error.message() == "duplicate key");
    for error in repeated {
        let at = error.span().unwrap_or_default();
        mistakes.add(&at, "this key or table is there already: keep one of them");
    }
    if !broken.is_empty() {
        add_broken(text, &broken, mistakes);
        return None;
    }

    let root = tree.span();
    let mut tree = tree.into_inner();
    loop {
        let attempt = toml::Deserializer::from(Spanned::new(root.clone(), tree.clone()));
        let error = match File::deserialize(attempt) {
            Ok(file) => return Some(file),
            Err(error) => error,
        };
        let at = error.span().unwrap_or_default();
        let Some(cut) = cut_from_table(&mut tree, &root, &at) else {
            mistakes.add(&at, error.message());
            return None;
        };
        let (message, meant) = cut.describe(error.message());
        mistakes.add(&at, message);
        match cut.holder {
            Holder::Table(table) => {
                mistakes.lose_key(&table, &cut.key);
                if let Some(meant) = meant {
                    mistakes.lose_key(&table, &meant);
                }
            }
            Holder::List(list) => mistakes.lose_element(&list),
        }
    }
}

/// What is no TOML: the first trouble of each line, and none that only follows from a bracket that is never closed.
fn add_broken(text: &str, errors: &[Error], mistakes: &mut Mistakes<'_>) {
    let end = text.trim_end().len();
    let place = |error: &Error| error.span().unwrap_or(end..end);
    let first = errors.iter().map(|error| place(error).start).min().unwrap_or(end);
    let never_closed = errors.iter().any(|error| place(error).start >= end);
    let mut lines = HashSet::new();
    for error in errors {
        let at = place(error);
        let follows = never_closed && at.start > first;
        if !follows && lines.insert(mistakes.line(&at)) {
            mistakes.add(&at, format!("this is not TOML: {}", error.message().replace('\n', ", ")));
        }
    }
}

/// What was taken out of the tree.
struct Cut {
    /// The key, or the key of the list that held the element.
    key: String,
    holder: Holder,
}

enum Holder {
    Table(Span),
    List(Span),
}

/// Takes out the innermost key, value or element at a place.
fn cut_from_table(table: &mut DeTable<'_>, span: &Span, at: &Span) -> Option<Cut> {
    let mut found = None;
    for (key, value) in table.iter_mut() {
        if let Some(cut) = cut_from_value(key.get_ref(), value, at) {
            return Some(cut);
        }
        if key.span() == *at || value.span() == *at {
            found = Some(key.get_ref().to_string());
        }
    }
    let key = found?;
    table.remove(key.as_str());
    Some(Cut { key, holder: Holder::Table(span.clone()) })
}

fn cut_from_value(key: &str, value: &mut Spanned<DeValue<'_>>, at: &Span) -> Option<Cut> {
    let span = value.span();
    match value.get_mut() {
        DeValue::Table(table) => cut_from_table(table, &span, at),
        // Lists of tables have the place of their first table, which is a table for certain: the list is wrong.
        DeValue::Array(_) if span == *at => None,
        DeValue::Array(list) => cut_from_list(key, list, &span, at),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => None,
    }
}

fn cut_from_list(key: &str, list: &mut DeArray<'_>, span: &Span, at: &Span) -> Option<Cut> {
    for element in list.iter_mut() {
        if let Some(cut) = cut_from_value(key, element, at) {
            return Some(cut);
        }
    }
    if !list.iter().any(|element| element.span() == *at) {
        return None;
    }
    *list = list.iter().filter(|element| element.span() != *at).cloned().collect();
    Some(Cut { key: key.to_owned(), holder: Holder::List(span.clone()) })
}

impl Cut {
    /// serde's message in the words of somebody who edits the file; and the known key that an unknown one was
    /// most likely meant to be.
    fn describe(&self, message: &str) -> (String, Option<String>) {
        let key = &self.key;
        if message.starts_with("unknown field") {
            return unknown_key(key, message);
        }
        let subject = match self.holder {
            Holder::Table(_) => format!("`{key}`"),
            Holder::List(_) => format!("each of `{key}`"),
        };
        let wrong =
            message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
        let description = match wrong.and_then(|wrong| wrong.rsplit_once(", expected ")) {
            Some((given, "a sequence")) => match TABLES.iter().find(|(table, _)| table == key) {
                Some((_, header)) => {
                    format!(
                        "`{key}` may be there several times: write its header with two brackets, {header}"
                    )
                }
                None => format!("{subject} must be a list in brackets, not {}", plain(given)),
            },
            Some((given, expected)) => format!("{subject} must be {expected}, not {}", plain(given)),
            None if message.starts_with("must be ") => format!("{subject} {message}"),
            None => format!("`{key}`: {message}"),
        };
        (description, None)
    }
}

/// The tables that are lists, and how their headers are written.
const TABLES: [(&str, &str); 5] = [
    ("hook", "[[hook]]"),
    ("view", "[[view]]"),
    ("cluster", "[[cluster]]"),
    ("part", "[[cluster.part]]"),
    ("server", "[[cluster.server]]"),
];

/// A value as the file writes it; serde says "integer `5`", "string "x"" or "map".
fn plain(given: &str) -> &str {
    match given {
        "map" => "a table",
        "sequence" => "a list",
        scalar => match scalar.strip_prefix("string ") {
            Some(quoted) => quoted,
            None => scalar.split('`').nth(1).unwrap_or(scalar),
        },
    }
}

/// serde names the keys it knows in backticks, after the one it does not.
fn unknown_key(key: &str, message: &str) -> (String, Option<String>) {
    let known: Vec<&str> = match message.rsplit_once(", expected ") {
        Some((_, known)) => known.split('`').skip(1).step_by(2).collect(),
        None => Vec::new(),
    };
    match nearest(key, &known) {
        Some(near) => (format!("`{key}` is no known key: did you mean `{near}`?"), Some(near.to_owned())),
        None => (format!("`{key}` is no known key here: the known ones are {}", known.join(", ")), None),
    }
}

/// The known word that a wrong one was most likely meant to be.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let distance = |candidate: &str| strsim::damerau_levenshtein(&word.to_ascii_lowercase(), candidate);
    let best = known.iter().map(|candidate| (distance(candidate), *candidate)).min()?;
    // One slip in three characters is a slip; more is another word.
    (best.0 * 3 <= word.chars().count().max(3)).then_some(best.1)
}
