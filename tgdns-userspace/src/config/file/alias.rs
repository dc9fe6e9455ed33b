//! An alias, which is one address, a list of them, a row of them, a word, or a table of all that by view.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        self, IntoDeserializer as _,
        value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer},
    },
};
use toml::Spanned;

use super::Given;
use crate::config::{
    any::deserialize_any,
    leaf::{Address, AddressOrNone, Base, Step},
};

/// The same for all clients, or by view.
#[derive(Debug)]
pub(in crate::config) enum Alias<A> {
    Everywhere(Addresses<A>),
    ByView(Vec<(Spanned<String>, Spanned<Addresses<A>>)>),
}

/// What one view's clients are told.
#[derive(Debug)]
pub(in crate::config) enum Addresses<A> {
    /// `"own"`.
    Own,
    /// `"none"`.
    Hidden,
    One(A),
    List(Vec<Spanned<A>>),
}

/// The aliases of a part's servers: a base to count from, or a table.
#[derive(Debug)]
pub(in crate::config) enum Row {
    From(Base),
    Table(RowTable),
}

/// `{ base = "192.168.1.100", step = -1, skip = ["192.168.1.98"] }` or `{ each = ["192.168.1.7", "none"] }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RowTable {
    pub(in crate::config) base: Given<Base>,
    pub(in crate::config) step: Given<Step>,
    pub(in crate::config) skip: Given<Vec<Spanned<Address>>>,
    pub(in crate::config) each: Given<Vec<Spanned<AddressOrNone>>>,
}

/// What stands for addresses in an alias.
pub(in crate::config) trait Element: Sized {
    /// The keys of its table, which no view can have as its name.
    const KEYS: &'static [&'static str];
}

impl Element for Address {
    const KEYS: &'static [&'static str] = &[];
}

impl Element for Row {
    const KEYS: &'static [&'static str] = &["base", "each", "skip", "step"];
}

deserialize_any!(Row, RowVisitor);

impl<'de> de::Visitor<'de> for RowVisitor {
    type Value = Row;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .write_str("an address in quotes, or a table { base = address, step = -1, skip = [address] }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Base::deserialize(StrDeserializer::new(text)).map(Row::From)
    }

    fn visit_map<M: de::MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        RowTable::deserialize(MapAccessDeserializer::new(map)).map(Row::Table)
    }
}

impl<'de, A: Deserialize<'de> + Element> Deserialize<'de> for Alias<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AliasVisitor(PhantomData))
    }
}

struct AliasVisitor<A>(PhantomData<A>);

impl<'de, A: Deserialize<'de> + Element> de::Visitor<'de> for AliasVisitor<A> {
    type Value = Alias<A>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an address in quotes, a list of addresses, or a table { view = address }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        AddressesVisitor(PhantomData).visit_str(text).map(Alias::Everywhere)
    }

    fn visit_seq<S: de::SeqAccess<'de>>(self, list: S) -> Result<Self::Value, S::Error> {
        AddressesVisitor(PhantomData).visit_seq(list).map(Alias::Everywhere)
    }

    fn visit_map<M: de::MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut by_view = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            // Its keys come in the order of the alphabet: whatever table this is, its first key tells.
            if by_view.is_empty() && A::KEYS.contains(&key.get_ref().as_str()) {
                let table = WithFirst { key: Some(key.into_inner()), rest: map };
                let element = A::deserialize(MapAccessDeserializer::new(table))?;
                return Ok(Alias::Everywhere(Addresses::One(element)));
            }
            by_view.push((key, map.next_value()?));
        }
        Ok(Alias::ByView(by_view))
    }
}

/// A table whose first key was read already.
struct WithFirst<M> {
    key: Option<String>,
    rest: M,
}

impl<'de, M: de::MapAccess<'de>> de::MapAccess<'de> for WithFirst<M> {
    type Error = M::Error;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, M::Error> {
        match self.key.take() {
            Some(key) => seed.deserialize(key.into_deserializer()).map(Some),
            None => self.rest.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, M::Error> {
        self.rest.next_value_seed(seed)
    }
}

impl<'de, A: Deserialize<'de>> Deserialize<'de> for Addresses<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AddressesVisitor(PhantomData))
    }
}

struct AddressesVisitor<A>(PhantomData<A>);

impl<'de, A: Deserialize<'de>> de::Visitor<'de> for AddressesVisitor<A> {
    type Value = Addresses<A>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an address in quotes, a list of addresses, \"own\" or \"none\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        match text {
            "own" => Ok(Addresses::Own),
            "none" => Ok(Addresses::Hidden),
            _ => A::deserialize(StrDeserializer::new(text)).map(Addresses::One),
        }
    }

    fn visit_seq<S: de::SeqAccess<'de>>(self, list: S) -> Result<Self::Value, S::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(Addresses::List)
    }

    fn visit_map<M: de::MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        A::deserialize(MapAccessDeserializer::new(map)).map(Addresses::One)
    }
}
