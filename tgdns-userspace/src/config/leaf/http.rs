//! The values of probes by HTTP.

use std::{fmt, ops::RangeInclusive};

use hyper::{
    Method, Uri,
    header::{HeaderName, HeaderValue},
    http::uri::{Authority, PathAndQuery},
};
use regex::bytes::RegexBuilder;
use serde::{
    Deserialize, Deserializer,
    de::{self, value::MapAccessDeserializer},
};
use toml::Spanned;

use super::text;
use crate::cluster::{Pattern, StatusSet};

/// The methods of requests that change nothing on a server, and POST for those that take no other.
#[derive(Clone, Debug)]
pub(in crate::config) struct MethodWord(pub(in crate::config) Method);

impl<'de> Deserialize<'de> for MethodWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "\"GET\", \"HEAD\", \"OPTIONS\" or \"POST\"", |text| match text {
            "GET" => Ok(Self(Method::GET)),
            "HEAD" => Ok(Self(Method::HEAD)),
            "OPTIONS" => Ok(Self(Method::OPTIONS)),
            "POST" => Ok(Self(Method::POST)),
            _ => Err(None),
        })
    }
}

/// What is asked for, with its query.
#[derive(Clone, Debug)]
pub(in crate::config) struct HttpPath(pub(in crate::config) Uri);

impl<'de> Deserialize<'de> for HttpPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a path in quotes, such as \"/health?from=tgdns\"", |text| {
            if text.contains('#') {
                return Err(Some(format!(
                    "{text:?} has a '#', whose rest no server gets: write %23, or end before"
                )));
            }
            let is_path = text.starts_with('/') || text == "*";
            let path: PathAndQuery = text.parse().ok().filter(|_| is_path).ok_or(None)?;
            Ok(Self(path.into()))
        })
    }
}

/// A name, or an address, and perhaps a port.
#[derive(Clone, Debug)]
pub(in crate::config) struct Host(pub(in crate::config) Authority);

impl<'de> Deserialize<'de> for Host {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(
            deserializer,
            "a host in quotes, such as \"www.example.com\" or \"www.example.com:8080\"",
            |text| {
                let authority: Authority = text.parse().map_err(|_| None)?;
                if text.contains('@') { Err(None) } else { Ok(Self(authority)) }
            },
        )
    }
}

/// A status, or a range of them.
#[derive(Clone, Debug)]
pub(in crate::config) struct StatusRange(pub(in crate::config) RangeInclusive<u16>);

impl<'de> Deserialize<'de> for StatusRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StatusVisitor)
    }
}

struct StatusVisitor;

impl de::Visitor<'_> for StatusVisitor {
    type Value = StatusRange;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a status from 100 to 599, or a range in quotes such as \"200-299\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let range = StatusSet::parse_range(text).map(StatusRange);
        range.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        let range = StatusSet::parse_range(&number.to_string()).map(StatusRange);
        range.ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))
    }
}

/// `"a text"` or `{ regex = "…" }`.
#[derive(Clone, Debug)]
pub(in crate::config) enum Body {
    Text(String),
    Table(BodyTable),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct BodyTable {
    pub(in crate::config) regex: Option<Spanned<Regex>>,
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BodyVisitor)
    }
}

struct BodyVisitor;

impl<'de> de::Visitor<'de> for BodyVisitor {
    type Value = Body;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text in quotes, or { regex = \"…\" }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        match text {
            "" => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
            text => Ok(Body::Text(text.to_owned())),
        }
    }

    fn visit_map<M: de::MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        BodyTable::deserialize(MapAccessDeserializer::new(map)).map(Body::Table)
    }
}

/// A regular expression.
#[derive(Clone, Debug)]
pub(in crate::config) struct Regex(pub(in crate::config) Pattern);

impl<'de> Deserialize<'de> for Regex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Some memory, and each probe holds it.
        const LARGEST: usize = 1 << 20;
        text(deserializer, "a regular expression in quotes", |text| {
            match RegexBuilder::new(text).size_limit(LARGEST).build() {
                Ok(regex) => Ok(Self(Pattern::Regex(regex))),
                Err(error) => {
                    // A drawing of the place comes before.
                    let cause = error.to_string();
                    let cause = cause.lines().last().unwrap_or_default();
                    let cause = cause.trim_start_matches("error: ").to_owned();
                    Err(Some(format!("{text:?} is no regular expression: {cause}")))
                }
            }
        })
    }
}

/// The names and values of a table.
#[derive(Clone, Debug)]
pub(in crate::config) struct Headers(pub(in crate::config) Vec<(HeaderName, HeaderValue)>);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> de::Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a table, such as { X-Probe = \"tgdns\" }")
    }

    fn visit_map<M: de::MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut headers = Vec::new();
        while let Some(name) = map.next_key::<Name>()? {
            headers.push((name.0, map.next_value::<Value>()?.0));
        }
        Ok(Headers(headers))
    }
}

struct Name(HeaderName);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What the connection needs, and what a request without a body can't have.
        const TAKEN: [&str; 6] =
            ["connection", "content-length", "expect", "te", "transfer-encoding", "upgrade"];
        text(deserializer, "a header's name, such as X-Probe", |text| {
            let name: HeaderName = text.parse().map_err(|_| None)?;
            match name.as_str() {
                "host" => Err(Some("write it as the probe's own key `host`".to_owned())),
                taken if TAKEN.contains(&taken) => {
                    Err(Some("this header is the connection's own: take it away".to_owned()))
                }
                _ => Ok(Self(name)),
            }
        })
    }
}

struct Value(HeaderValue);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a text in quotes, of printable ASCII characters", |text| {
            HeaderValue::from_str(text).map(Self).map_err(|_| None)
        })
    }
}
