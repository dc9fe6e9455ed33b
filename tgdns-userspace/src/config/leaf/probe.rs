//! The words of probes.

use serde::{Deserialize, Deserializer};

use super::text;
use crate::cluster::Join;

/// The name of a kind of probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum ProbeWord {
    Tcp,
    Http,
    Https,
    Tls,
    Icmp,
    Dns,
    Exec,
    File,
    Agent,
}

impl ProbeWord {
    const WORDS: &[(&str, Self)] = &[
        ("tcp", Self::Tcp),
        ("http", Self::Http),
        ("https", Self::Https),
        ("tls", Self::Tls),
        ("icmp", Self::Icmp),
        ("dns", Self::Dns),
        ("exec", Self::Exec),
        ("file", Self::File),
        ("agent", Self::Agent),
    ];

    /// Those that ask a port, or may.
    pub(in crate::config) const WITH_PORT: &[Self] =
        &[Self::Tcp, Self::Http, Self::Https, Self::Tls, Self::Dns, Self::Exec, Self::Agent];
    /// Those that ask over the network.
    pub(in crate::config) const WITH_SOURCE: &[Self] =
        &[Self::Tcp, Self::Http, Self::Https, Self::Tls, Self::Icmp, Self::Dns, Self::Agent];
    pub(in crate::config) const WITH_HTTP: &[Self] = &[Self::Http, Self::Https];
    pub(in crate::config) const WITH_TLS: &[Self] = &[Self::Https, Self::Tls];

    pub(in crate::config) fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, word)| *word == self).map_or("", |(text, _)| text)
    }
}

impl<'de> Deserialize<'de> for ProbeWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let quoted: Vec<String> = Self::WORDS.iter().map(|(text, _)| format!("{text:?}")).collect();
        text(deserializer, any_of(&quoted), |text| {
            Self::WORDS.iter().find(|(word, _)| *word == text).map(|(_, word)| *word).ok_or(None)
        })
    }
}

/// `all` or `any`.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct JoinWord(pub(in crate::config) Join);

impl<'de> Deserialize<'de> for JoinWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "\"all\" or \"any\"", |text| match text {
            "all" => Ok(Self(Join::All)),
            "any" => Ok(Self(Join::Any)),
            _ => Err(None),
        })
    }
}

/// "a, b or c".
pub(in crate::config) fn any_of(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
