//! How servers are checked: the keys of all kinds of probes, and which kinds have them.

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
    leaf::{
        AbsolutePath, Address, AnswerAddress, Base, Body, Bytes, Command, Expect, Headers, Host, HttpPath,
        Label, MethodWord, Number, OneOrMany, ProbeWord, QueryName, Rcode, RecordType, ServerName,
        StatusRange, Time, TransportWord,
    },
    mistakes::Span,
};

type Interval = Time<10, 3_600_000>;

/// Longer than certificates last: humantime's year.
const YEAR: u64 = 31_557_600_000;

/// Every kind has the key.
const ALL: &[ProbeWord] = &[];

macro_rules! keys {
    ($($(#[$attribute:meta])* $key:ident: $value:ty, of $kinds:expr;)*) => {
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(in crate::config) struct Probe {
            $($(#[$attribute])* pub(in crate::config) $key: Given<$value>,)*
        }

        impl Probe {
            /// Its keys, and those of another one where it has none.
            pub(in crate::config) fn over(self, base: &Self) -> Self {
                Self { $($key: self.$key.or_else(|| base.$key.clone()),)* }
            }

            /// The keys that were given though this kind has no use for them, with the kinds that do.
            pub(in crate::config) fn foreign_to(
                &self,
                kind: ProbeWord,
            ) -> impl Iterator<Item = (&'static str, Span, &'static [ProbeWord])> {
                let keys: Vec<(&'static str, Option<Span>, &'static [ProbeWord])> =
                    vec![$((stringify!($key), self.$key.as_ref().map(Spanned::span), $kinds),)*];
                keys.into_iter().filter_map(move |(key, span, kinds)| {
                    let is_foreign = !kinds.is_empty() && !kinds.contains(&kind);
                    Some((key, span.filter(|_| is_foreign)?, kinds))
                })
            }
        }
    };
}

keys! {
    name: Label, of ALL;
    #[serde(rename = "type")]
    kind: ProbeWord, of ALL;
    port: Number<1, 65_535>, of ProbeWord::WITH_PORT;
    address: Base, of ALL;
    source: Address, of ProbeWord::WITH_SOURCE;
    interval: Interval, of ALL;
    fast_interval: Interval, of ALL;
    slow_interval: Interval, of ALL;
    timeout: Time<1, 60_000>, of ALL;
    rise: Number<1, 100>, of ALL;
    fall: Number<1, 100>, of ALL;
    jitter: Number<0, 50>, of ALL;
    method: MethodWord, of ProbeWord::WITH_HTTP;
    path: HttpPath, of ProbeWord::WITH_HTTP;
    host: Host, of ProbeWord::WITH_HTTP;
    headers: Headers, of ProbeWord::WITH_HTTP;
    status: OneOrMany<StatusRange>, of ProbeWord::WITH_HTTP;
    body: Body, of ProbeWord::WITH_HTTP;
    server_name: ServerName, of ProbeWord::WITH_TLS;
    verify: bool, of ProbeWord::WITH_TLS;
    ca: AbsolutePath, of ProbeWord::WITH_TLS;
    expiry_warning: Time<0, YEAR>, of ProbeWord::WITH_TLS;
    query: QueryName, of &[ProbeWord::Dns];
    query_type: RecordType, of &[ProbeWord::Dns];
    transport: TransportWord, of &[ProbeWord::Dns];
    rcode: OneOrMany<Rcode>, of &[ProbeWord::Dns];
    expect_address: AnswerAddress, of &[ProbeWord::Dns];
    send: Bytes, of &[ProbeWord::Tcp, ProbeWord::Agent];
    expect: Expect, of &[ProbeWord::Tcp];
    command: Command, of &[ProbeWord::Exec];
    file: AbsolutePath, of &[ProbeWord::File];
}

/// One probe, or a list of them.
#[derive(Debug)]
pub(in crate::config) enum Probes {
    One(Box<Probe>),
    List(Vec<Spanned<Table<Probe>>>),
}

impl Probes {
    /// Each one with its place.
    pub(in crate::config) fn tables(given: Spanned<Self>) -> Vec<Spanned<Probe>> {
        let at = given.span();
        match given.into_inner() {
            Self::One(probe) => vec![Spanned::new(at, *probe)],
            Self::List(list) => {
                list.into_iter().map(|table| Spanned::new(table.span(), table.into_inner().0)).collect()
            }
        }
    }
}

deserialize_any!(Probes, ProbesVisitor);

impl<'de> de::Visitor<'de> for ProbesVisitor {
    type Value = Probes;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a table, or a list of tables")
    }

    fn visit_map<M: de::MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        Probe::deserialize(MapAccessDeserializer::new(map)).map(|probe| Probes::One(Box::new(probe)))
    }

    fn visit_seq<S: de::SeqAccess<'de>>(self, list: S) -> Result<Self::Value, S::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(Probes::List)
    }
}
