//! Who is told of servers' changes.

use std::{fmt, time::Duration};

use hyper::Uri;
use serde::Serialize;
use tokio_rustls::rustls::pki_types::ServerName;

use super::Tls;

/// Something that is told of servers' changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    pub call: Call,
    pub on: Vec<Occasion>,
    /// When it is ended.
    pub timeout: Duration,
}

/// How it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Program and arguments; there is no shell in between.
    Command(Vec<String>),
    Webhook(Webhook),
}

/// Where facts are posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// With a scheme and a host.
    pub url: Uri,
    /// The host, an address or a name.
    pub host: ServerName<'static>,
    /// None for http, and some for https.
    pub tls: Option<Tls>,
}

/// For the log: a command's arguments, and a URL's path and query, are often a secret.
impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(words) => formatter.write_str(words.first().map_or("", String::as_str)),
            Self::Webhook(Webhook { url, .. }) => {
                let authority = url.authority().map_or("", |authority| authority.as_str());
                write!(formatter, "{}://{authority}", url.scheme_str().unwrap_or_default())
            }
        }
    }
}

/// What a server becomes, or what becomes of a cluster's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Occasion {
    Up,
    Down,
    Unknown,
    Ready,
    Drain,
    Maint,
    /// What it says of that itself.
    Reported,
    /// 0 by its own word, or no longer.
    Weight,
    /// Probed no longer, as this host cannot, or again.
    Probing,
    /// The cluster is answered by another rule, as too few servers are live, or enough are again.
    Answers,
}

impl Occasion {
    pub const ALL: [Self; 10] = [
        Self::Up,
        Self::Down,
        Self::Unknown,
        Self::Ready,
        Self::Drain,
        Self::Maint,
        Self::Reported,
        Self::Weight,
        Self::Probing,
        Self::Answers,
    ];

    /// As the configuration writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Unknown => "unknown",
            Self::Ready => "ready",
            Self::Drain => "drain",
            Self::Maint => "maint",
            Self::Reported => "reported",
            Self::Weight => "weight",
            Self::Probing => "probing",
            Self::Answers => "answers",
        }
    }
}
