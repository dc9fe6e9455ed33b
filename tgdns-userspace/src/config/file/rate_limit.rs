//! How often a network is answered: a table, or the word that nothing is limited.

use std::fmt;

use serde::{
    Deserialize,
    de::{self, value::MapAccessDeserializer},
};
use toml::Spanned;

use super::Given;
use crate::config::{
    any::deserialize_any,
    leaf::{Number, Prefix},
};

/// `"off"`, or the table.
#[derive(Debug)]
pub(in crate::config) enum RateLimit {
    Off,
    Table(RateLimitTable),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RateLimitTable {
    pub(in crate::config) responses_per_second: Given<Number<1, 100_000>>,
    pub(in crate::config) slip: Given<Number<0, 100>>,
    pub(in crate::config) ipv4_prefix: Given<Number<8, 32>>,
    pub(in crate::config) ipv6_prefix: Given<Number<16, 128>>,
    pub(in crate::config) exempt: Given<Vec<Spanned<Prefix>>>,
    pub(in crate::config) exempt_private: Given<bool>,
}

deserialize_any!(RateLimit, RateLimitVisitor);

impl<'de> de::Visitor<'de> for RateLimitVisitor {
    type Value = RateLimit;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\"off\" or a table [dns.rate_limit]")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<RateLimit, E> {
        match text {
            "off" => Ok(RateLimit::Off),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_map<M: de::MapAccess<'de>>(self, map: M) -> Result<RateLimit, M::Error> {
        RateLimitTable::deserialize(MapAccessDeserializer::new(map)).map(RateLimit::Table)
    }
}
