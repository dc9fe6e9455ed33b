//! An alias, which is one address, a list of them, or a table of both by view.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, value::SeqAccessDeserializer},
};
use toml::Spanned;

/// The same for all clients, or by view.
#[derive(Debug)]
pub(in crate::config) enum Alias<A> {
    Everywhere(Addresses<A>),
    ByView(Vec<(Spanned<String>, Spanned<Addresses<A>>)>),
}

/// One address, or a list of them.
#[derive(Debug)]
pub(in crate::config) enum Addresses<A> {
    One(A),
    List(Vec<Spanned<A>>),
}

impl<'de, A: Deserialize<'de>> Deserialize<'de> for Alias<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AliasVisitor(PhantomData))
    }
}

struct AliasVisitor<A>(PhantomData<A>);

impl<'de, A: Deserialize<'de>> de::Visitor<'de> for AliasVisitor<A> {
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
        while let Some(entry) = map.next_entry()? {
            by_view.push(entry);
        }
        Ok(Alias::ByView(by_view))
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
        formatter.write_str("an address in quotes, or a list of addresses")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        A::deserialize(de::value::StrDeserializer::new(text)).map(Addresses::One)
    }

    fn visit_seq<S: de::SeqAccess<'de>>(self, list: S) -> Result<Self::Value, S::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(Addresses::List)
    }
}
