//! How servers are checked.

mod agent;
mod dns;
mod exec;
mod expect;
mod file;
mod http;
mod pattern;
mod tcp;
mod tls;

use std::{net::IpAddr, time::Duration};

pub use agent::Agent;
pub use dns::{Dns, RCODES, Transport, rcode_as_text};
pub use exec::Exec;
pub use expect::{Expect, Match};
pub use file::File;
pub use http::{Http, Pattern, StatusSet};
pub use pattern::ByteRegex;
pub use tcp::Tcp;
pub use tls::{Tls, Trust};

/// One check of one server; in a cluster what its servers' checks are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Tells it from the others of its cluster: the kind's word unless the file says otherwise.
    pub name: String,
    pub kind: ProbeKind,
    /// 0 where the kind has none.
    pub port: u16,
    /// Probed in place of the server's own address.
    pub address: Option<IpAddr>,
    /// This host's address to probe from; the kernel's choice where none.
    pub source: Option<IpAddr>,
    pub interval: Duration,
    /// The interval while health is changing.
    pub fast_interval: Duration,
    /// The interval while health is down and not changing.
    pub slow_interval: Duration,
    pub timeout: Duration,
    /// Successes in a row that turn it up.
    pub rise: u32,
    /// Failures in a row that turn it down.
    pub fall: u32,
    /// Per cent of an interval by which it may be shortened, at random.
    pub jitter: u8,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    Tcp(Tcp),
    Http(Http),
    Tls(Tls),
    /// A reply to an echo request is a success.
    Icmp,
    Dns(Dns),
    Exec(Exec),
    File(File),
    Agent(Agent),
}

/// What the probes of all servers together may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeLimits {
    /// Probes under way at a time, commands aside.
    pub at_once: u32,
    /// Commands at a time.
    pub commands_at_once: u32,
}

impl Default for ProbeLimits {
    fn default() -> Self {
        Self { at_once: 2048, commands_at_once: 64 }
    }
}

/// What several checks come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// Up is who is up by all of them.
    #[default]
    All,
    /// Up is who is up by any of them.
    Any,
}

impl Probe {
    /// With the default times and counts.
    pub fn new(kind: ProbeKind, port: u16) -> Self {
        Self {
            name: kind.as_str().to_owned(),
            kind,
            port,
            address: None,
            source: None,
            interval: Duration::from_secs(1),
            fast_interval: Duration::from_millis(100),
            slow_interval: Duration::from_secs(1),
            timeout: Duration::from_millis(500),
            rise: 2,
            fall: 3,
            jitter: 5,
        }
    }
}

impl ProbeKind {
    /// Whether it may bring what a server says of itself: a state, or a weight.
    pub fn reports(&self) -> bool {
        match self {
            Self::Agent(_) | Self::Exec(_) | Self::File(_) => true,
            Self::Tcp(_) | Self::Http(_) | Self::Tls(_) | Self::Icmp | Self::Dns(_) => false,
        }
    }

    /// As the configuration writes it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            Self::Http(Http { tls: None, .. }) => "http",
            Self::Http(Http { tls: Some(_), .. }) => "https",
            Self::Tls(_) => "tls",
            Self::Icmp => "icmp",
            Self::Dns(_) => "dns",
            Self::Exec(_) => "exec",
            Self::File(_) => "file",
            Self::Agent(_) => "agent",
        }
    }
}

impl Join {
    /// As the configuration writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Any => "any",
        }
    }
}
