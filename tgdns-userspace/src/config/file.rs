//! The format of the file, as serde types: which keys a table has, and what each may hold.
//!
//! Every key is optional here, so that a missing one is reported beside all other mistakes and not in place of them.

mod alias;
mod policy;
mod probe;
mod rate_limit;

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, value::MapAccessDeserializer},
};
use toml::Spanned;

pub(super) use alias::{Addresses, Alias, Row, RowTable};
pub(super) use policy::{AllDown, MinUp, Select};
pub(super) use probe::{Probe, Probes};
pub(super) use rate_limit::{RateLimit, RateLimitTable};

use super::{
    any::deserialize_any,
    leaf::{
        AbsolutePath, Address, AnswerWord, Base, GroupName, JoinWord, Label, Listen, Mode, Name, Nic, Number,
        OccasionWord, Prefix, Step, Text, Time, Url, WhenStaleWord,
    },
};

/// A value that may be absent, with its place in the text.
pub(super) type Given<T> = Option<Spanned<T>>;

/// Tables as they are written with two brackets: `[[cluster]]`.
pub(super) type Tables<T> = Given<Vec<Spanned<Table<T>>>>;

/// A cluster has at most as many servers as [`super::MOST_SERVERS`].
pub(super) type UpToMostServers = Number<1, { super::MOST_SERVERS }>;

/// Each needs a descriptor.
pub(super) type Connections = Number<1, 100_000>;

pub(super) type Weight = Given<Number<0, 65_535>>;

pub(super) type Tier = Given<Number<1, 255>>;

pub(super) type SlowStart = Time<1000, 3_600_000>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) interfaces: Given<Vec<Spanned<Nic>>>,
    pub(super) xdp_mode: Given<Mode>,
    pub(super) state_dir: Given<AbsolutePath>,
    pub(super) control: Given<AbsolutePath>,
    pub(super) control_group: Given<GroupName>,
    pub(super) pin_dir: Given<AbsolutePath>,
    pub(super) writable: Given<Vec<Spanned<AbsolutePath>>>,
    pub(super) dns: Given<Table<Dns>>,
    pub(super) probes_at_once: Given<Number<1, 65_536>>,
    pub(super) commands_at_once: Given<Number<1, 1024>>,
    pub(super) stale_after: Given<Time<1000, 86_400_000>>,
    pub(super) when_stale: Given<WhenStaleWord>,
    pub(super) view: Tables<View>,
    pub(super) default_view: Given<Label>,
    pub(super) hook: Tables<Hook>,
    pub(super) cluster: Tables<Cluster>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dns {
    pub(super) listen: Given<Vec<Spanned<Listen>>>,
    pub(super) identity: Given<Text>,
    pub(super) version: Given<Text>,
    pub(super) cookie_secret: Given<AbsolutePath>,
    pub(super) tcp_connections: Given<Connections>,
    pub(super) tcp_connections_per_client: Given<Connections>,
    pub(super) tcp_idle_timeout: Given<Time<100, 3_600_000>>,
    pub(super) rate_limit: Given<RateLimit>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct View {
    pub(super) name: Given<Label>,
    pub(super) clients: Given<Vec<Spanned<Prefix>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hook {
    pub(super) command: Given<Vec<Spanned<String>>>,
    pub(super) url: Given<Url>,
    pub(super) ca: Given<AbsolutePath>,
    pub(super) on: Given<Vec<Spanned<OccasionWord>>>,
    pub(super) timeout: Given<Time<100, 600_000>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cluster {
    pub(super) name: Given<Name>,
    pub(super) ttl: Given<Number<0, 2_147_483_647>>,
    pub(super) ttl_min: Given<Number<0, 2_147_483_647>>,
    pub(super) negative_ttl: Given<Number<0, 86_400>>,
    pub(super) answer: Given<Answer>,
    pub(super) select: Given<Select>,
    pub(super) spill_below: Given<UpToMostServers>,
    pub(super) slow_start: Given<SlowStart>,
    pub(super) min_up: Given<MinUp>,
    pub(super) all_down: Given<AllDown>,
    pub(super) probe: Given<Probes>,
    pub(super) probes: Given<JoinWord>,
    pub(super) part: Tables<Part>,
    pub(super) server: Tables<Server>,
    pub(super) nameservers: Given<Vec<Spanned<Label>>>,
    pub(super) nameserver: Tables<NameServer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    pub(super) name: Given<Label>,
    pub(super) first: Given<Base>,
    pub(super) count: Given<UpToMostServers>,
    pub(super) step: Given<Step>,
    pub(super) skip: Given<Vec<Spanned<Address>>>,
    pub(super) alias: Given<Alias<Row>>,
    pub(super) weight: Weight,
    pub(super) tier: Tier,
    pub(super) probe: Given<Probes>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    pub(super) name: Given<Label>,
    pub(super) address: Given<Address>,
    pub(super) alias: Given<Alias<Address>>,
    pub(super) weight: Weight,
    pub(super) tier: Tier,
    pub(super) probe: Given<Probes>,
}

/// A load balancer that is no server of the cluster.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NameServer {
    pub(super) name: Given<Label>,
    pub(super) address: Given<Address>,
    pub(super) alias: Given<Alias<Address>>,
}

/// `"all"`, `"one"` or `{ subset = 2 }`.
#[derive(Debug)]
pub(super) enum Answer {
    Word(AnswerWord),
    Table(AnswerTable),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerTable {
    pub(super) subset: Given<UpToMostServers>,
}

/// A table and nothing else; serde's own structs would take a list of values as well.
#[derive(Debug, Default)]
pub(super) struct Table<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TableVisitor(PhantomData))
    }
}

struct TableVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> de::Visitor<'de> for TableVisitor<T> {
    type Value = Table<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a table")
    }

    fn visit_map<M: de::MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Table)
    }
}

deserialize_any!(Answer, AnswerVisitor);

impl<'de> de::Visitor<'de> for AnswerVisitor {
    type Value = Answer;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\"all\", \"one\" or { subset = 2 }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let word = AnswerWord::read(text);
        word.map(Answer::Word).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_map<M: de::MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        AnswerTable::deserialize(MapAccessDeserializer::new(map)).map(Answer::Table)
    }
}
