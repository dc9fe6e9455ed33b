//! What probes say, and what they expect to hear.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, value::MapAccessDeserializer},
};

use super::{regex::regex, text};
use crate::{cluster, config::any::deserialize_any};

const MOST: usize = 1024;

/// Bytes, written as a text with escapes.
#[derive(Clone, Debug)]
pub(in crate::config) struct Bytes(pub(in crate::config) Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = format!("a text of 1 to {MOST} bytes in quotes, such as 'PING\\r\\n'");
        text(deserializer, expected, |text| {
            let bytes = unescaped(text).map_err(Some)?;
            if (1..=MOST).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(None) }
        })
    }
}

/// TOML's own escapes cannot write bytes that are no text, and single quotes have none.
fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let hexadecimal = || u8::from_str_radix(after.get(1..3)?, 16).ok();
        let (byte, length) = match after.chars().next() {
            Some('r') => (b'\r', 1),
            Some('n') => (b'\n', 1),
            Some('t') => (b'\t', 1),
            Some('0') => (0, 1),
            Some('\\') => (b'\\', 1),
            Some('x') if hexadecimal().is_some() => (hexadecimal().unwrap_or_default(), 3),
            _ => {
                let advice = r"write one of \r, \n, \t, \0, \\ and \x00 to \xff";
                return Err(format!("{text:?} has a backslash that means nothing: {advice}"));
            }
        };
        bytes.push(byte);
        rest = &after[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// `"SSH-2.0-"` for what must come first, `{ contains = "…" }` or `{ regex = "…" }`.
#[derive(Clone, Debug)]
pub(in crate::config) struct Expect(pub(in crate::config) cluster::Expect);

/// What is wrong with a text is told of the whole, lest the table without it be wrong once more.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectTable {
    contains: Option<String>,
    regex: Option<String>,
}

deserialize_any!(Expect, ExpectVisitor);

impl<'de> de::Visitor<'de> for ExpectVisitor {
    type Value = Expect;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text in quotes, { contains = \"…\" } or { regex = \"…\" }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let bytes = Bytes::deserialize(de::value::StrDeserializer::new(text))?;
        Ok(Expect(cluster::Expect::Prefix(bytes.0)))
    }

    fn visit_map<M: de::MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        let table = ExpectTable::deserialize(MapAccessDeserializer::new(map))?;
        let expect = match (table.contains, table.regex) {
            (Some(part), None) => Bytes::deserialize(de::value::StrDeserializer::new(&part))
                .map(|bytes| cluster::Expect::Contains(bytes.0)),
            (None, Some(text)) => regex(&text).map(cluster::Expect::Regex).map_err(de::Error::custom),
            _ => Err(de::Error::custom("write one of { contains = \"…\" } and { regex = \"…\" }")),
        };
        expect.map(Expect)
    }
}

/// The path of a program, and its arguments.
#[derive(Clone, Debug)]
pub(in crate::config) struct Command(pub(in crate::config) Vec<String>);

deserialize_any!(Command, CommandVisitor);

impl<'de> de::Visitor<'de> for CommandVisitor {
    type Value = Command;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of texts: a program's absolute path and its arguments, without a shell")
    }

    fn visit_seq<S: de::SeqAccess<'de>>(self, mut list: S) -> Result<Self::Value, S::Error> {
        let mut words: Vec<String> = Vec::new();
        while let Some(word) = list.next_element()? {
            words.push(word);
        }
        let is_path = words.first().is_some_and(|program| program.starts_with('/'));
        if !is_path || words.iter().any(|word| word.contains('\0')) {
            let advice = "such as [\"/usr/local/lib/tgdns/check\", \"--quick\"]";
            return Err(de::Error::custom(format!("begin with the program's absolute path, {advice}")));
        }
        Ok(Command(words))
    }
}
