//! The values of probes by HTTP.

use std::{fmt, ops::RangeInclusive};

use hyper::{
    Method, Uri,
    header::{HeaderName, HeaderValue},
    http::uri::{Authority, PathAndQuery},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, value::MapAccessDeserializer},
};
use toml::Spanned;

use super::{regex::Regex, text};
use crate::{cluster::StatusSet, config::any::deserialize_any};

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

deserialize_any!(StatusRange, StatusVisitor);

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

deserialize_any!(Body, BodyVisitor);

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

/// The names and values of a table.
#[derive(Clone, Debug)]
pub(in crate::config) struct Headers(pub(in crate::config) Vec<(HeaderName, HeaderValue)>);

deserialize_any!(Headers, HeadersVisitor);

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
