//! How a cluster's servers are chosen: values that are a word, or say more.

use std::fmt;

use serde::{
    Deserialize,
    de::{
        self,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use toml::Spanned;

use super::{Given, Table};
use crate::config::{
    any::deserialize_any,
    leaf::{Address, Number},
};

/// `"rotate"`, `"weighted"`, `"sticky"` or `{ sticky = { ipv4 = 24, ipv6 = 56 } }`.
#[derive(Debug)]
pub(in crate::config) enum Select {
    Rotate,
    Weighted,
    Sticky,
    Table(SelectTable),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct SelectTable {
    pub(in crate::config) sticky: Given<Table<Sticky>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Sticky {
    pub(in crate::config) ipv4: Given<Number<0, 32>>,
    pub(in crate::config) ipv6: Given<Number<0, 128>>,
}

/// A number of servers, or a part of them: `2` or `"50%"`.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) enum MinUp {
    Count(u32),
    Percent(u32),
}

/// `"all"`, `"last"`, `"servfail"`, `"refused"`, `"nodata"` or a list of addresses.
#[derive(Debug)]
pub(in crate::config) enum AllDown {
    All,
    Last,
    Servfail,
    Refused,
    NoData,
    Addresses(Vec<Spanned<Address>>),
}

deserialize_any!(Select, SelectVisitor);
deserialize_any!(MinUp, MinUpVisitor);
deserialize_any!(AllDown, AllDownVisitor);

impl<'de> de::Visitor<'de> for SelectVisitor {
    type Value = Select;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\"rotate\", \"weighted\", \"sticky\" or { sticky = { ipv4 = 24, ipv6 = 56 } }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Select, E> {
        match text {
            "rotate" => Ok(Select::Rotate),
            "weighted" => Ok(Select::Weighted),
            "sticky" => Ok(Select::Sticky),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_map<M: de::MapAccess<'de>>(self, map: M) -> Result<Select, M::Error> {
        SelectTable::deserialize(MapAccessDeserializer::new(map)).map(Select::Table)
    }
}

impl de::Visitor<'_> for MinUpVisitor {
    type Value = MinUp;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number of servers, such as 2, or a part of them in quotes, such as \"50%\"")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<MinUp, E> {
        let count = u32::try_from(number).ok().filter(|count| *count > 0);
        count.map(MinUp::Count).ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<MinUp, E> {
        let percent = text.strip_suffix('%').and_then(|number| number.parse().ok());
        let percent = percent.filter(|percent| (1..=100).contains(percent));
        percent.map(MinUp::Percent).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

impl<'de> de::Visitor<'de> for AllDownVisitor {
    type Value = AllDown;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "\"all\", \"last\", \"servfail\", \"refused\", \"nodata\" or a list of addresses in brackets",
        )
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<AllDown, E> {
        match text {
            "all" => Ok(AllDown::All),
            "last" => Ok(AllDown::Last),
            "servfail" => Ok(AllDown::Servfail),
            "refused" => Ok(AllDown::Refused),
            "nodata" => Ok(AllDown::NoData),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_seq<S: de::SeqAccess<'de>>(self, list: S) -> Result<AllDown, S::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(AllDown::Addresses)
    }
}
