//! Regular expressions.

use regex::bytes::RegexBuilder;
use serde::{Deserialize, Deserializer};

use super::text;
use crate::cluster::ByteRegex;

/// Bytes that one may take when it is compiled: each probe holds it.
const LARGEST: usize = 1 << 20;

#[derive(Clone, Debug)]
pub(in crate::config) struct Regex(pub(in crate::config) ByteRegex);

impl<'de> Deserialize<'de> for Regex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a regular expression in quotes", |text| regex(text).map(Self).map_err(Some))
    }
}

pub(super) fn regex(text: &str) -> Result<ByteRegex, String> {
    RegexBuilder::new(text).size_limit(LARGEST).build().map(ByteRegex).map_err(|error| {
        // A drawing of the place comes before.
        let told = error.to_string();
        let cause = told.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("{text:?} is no regular expression: {cause}")
    })
}
