//! The vectors: what goes in and what must come out, as `tests/vectors/*.toml` writes it.
//!
//! Three executors run them: on the host, in the kernel, over a wire. They are compiled in, so that an executor
//! can be carried to another kernel as one file.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, Result, ensure};

use self::{file::File, tables::TableSet};

pub mod action;
pub mod check;
pub mod checksum;
pub mod dissect;
pub mod file;
pub mod frame;
pub mod host;
pub mod message;
pub mod reply;
pub mod tables;
pub mod zone;

macro_rules! files {
    ($($name:literal),+ $(,)?) => { &[$(($name, include_str!(concat!("../vectors/", $name))),)+] };
}

const FILES: &[(&str, &str)] = files![
    "tables.toml",
    "answers.toml",
    "edns.toml",
    "ethernet.toml",
    "ip.toml",
    "limits.toml",
    "messages.toml",
    "names.toml",
    "policies.toml",
    "sources.toml",
    "stale.toml",
    "types.toml",
    "udp.toml",
    "views.toml",
];

/// One frame and what becomes of it.
pub struct Vector {
    pub name: String,
    pub tables: Arc<TableSet>,
    pub frame: Vec<u8>,
    pub expected: Expected,
}

#[derive(Clone, Debug)]
pub enum Expected {
    /// The kernel gets the frame as it came; the reason's name.
    Pass(String),
    /// The reason's name.
    Drop(String),
    /// The counter's name, and the frame in every rotation of its addresses.
    Reply { counter: String, frames: Vec<Vec<u8>> },
}

impl Expected {
    /// The counter that goes up by one.
    pub fn counter(&self) -> &str {
        match self {
            Self::Pass(reason) | Self::Drop(reason) => reason,
            Self::Reply { counter, .. } => counter,
        }
    }
}

/// All vectors, those of one table set in a row.
pub fn all() -> Result<Vec<Vector>> {
    let (tables, described) = read()?;
    let mut names = std::collections::BTreeSet::new();
    let mut vectors = Vec::new();
    for (file_name, vector) in described {
        let context = || format!("{file_name}: {}", vector.name);
        ensure!(names.insert(vector.name.clone()), "{}: the name is taken", context());
        ensure!(!vector.description.is_empty(), "{}: no description", context());
        let set = tables.get(&vector.tables).with_context(|| format!("{}: unknown tables", context()))?;
        let frame = vector.frame.build().with_context(context)?;
        // No NIC delivers less than an Ethernet header, and no executor takes it.
        ensure!(frame.len() >= 14, "{}: {} bytes are no frame", context(), frame.len());
        let expected = vector.expected().with_context(context)?;
        vectors.push(Vector { name: vector.name, tables: Arc::clone(set), frame, expected });
    }
    vectors.sort_by(|a, b| a.tables.name.cmp(&b.tables.name));
    Ok(vectors)
}

/// One set of tables.
pub fn table_set(name: &str) -> Result<Arc<TableSet>> {
    read()?.0.remove(name).with_context(|| format!("there are no tables {name}"))
}

/// The tables by name, and the vectors with their files.
#[expect(clippy::type_complexity, reason = "two lists in one pass")]
fn read() -> Result<(BTreeMap<String, Arc<TableSet>>, Vec<(&'static str, file::Vector)>)> {
    let mut tables = BTreeMap::new();
    let mut described = Vec::new();
    for (file_name, text) in FILES {
        let File { tables: sets, vector } = toml::from_str(text).with_context(|| (*file_name).to_owned())?;
        for (name, set) in sets {
            let set = Arc::new(TableSet::new(&name, set)?);
            ensure!(tables.insert(name.clone(), set).is_none(), "{file_name}: two table sets {name}");
        }
        described.extend(vector.into_iter().map(|vector| (*file_name, vector)));
    }
    Ok((tables, described))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What builds the frames is right: a frame worked out by hand is what its description gives.
    #[test]
    fn described_frame_is_the_one_in_hexadecimal() -> Result<()> {
        let vectors = all()?;
        let frame = |name| vectors.iter().find(|vector| vector.name == name).map(|vector| &vector.frame);
        let described = frame("a query for a single server, byte by byte");
        assert!(described.is_some());
        assert_eq!(described, frame("a query for a single server in hexadecimal"));
        Ok(())
    }

    #[test]
    fn unknown_fields_are_refused() {
        for (text, word) in [
            ("frame = { qnam = \"a\" }", "qnam"),
            ("frame = { edns = { siz = 1 } }", "siz"),
            ("repl = { }", "repl"),
            ("reply = { answer = \"a\", adresses = [] }", "adresses"),
        ] {
            let text = format!("[[vector]]\nname = \"n\"\ndescription = \"d\"\n{text}\n");
            let error =
                toml::from_str::<File>(&text).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
