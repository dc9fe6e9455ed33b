//! The format of the files.

use std::{collections::BTreeMap, net::IpAddr};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{Expected, frame::Frame, reply::Reply};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Any file's vectors may use them.
    #[serde(default)]
    pub tables: BTreeMap<String, Tables>,
    #[serde(default)]
    pub vector: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    pub name: String,
    /// Why it is so.
    pub description: String,
    #[serde(default = "usual_tables")]
    pub tables: String,
    #[serde(default)]
    pub frame: Frame,
    /// One of these three: a reason, a reason, a reply.
    pub pass: Option<String>,
    pub drop: Option<String>,
    pub reply: Option<Reply>,
}

fn usual_tables() -> String {
    "cluster".into()
}

impl Vector {
    pub fn expected(&self) -> Result<Expected> {
        Ok(match (&self.pass, &self.drop, &self.reply) {
            (Some(reason), None, None) => Expected::Pass(reason.clone()),
            (None, Some(reason), None) => Expected::Drop(reason.clone()),
            (None, None, Some(reply)) => {
                Expected::Reply { counter: reply.counter().into(), frames: reply.frames(&self.frame)? }
            }
            _ => bail!("it must say one of `pass`, `drop` and `reply`"),
        })
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tables {
    pub services: Vec<Service>,
    #[serde(default)]
    pub views: Vec<View>,
    #[serde(default)]
    pub cluster: Vec<Cluster>,
    /// Of this host; empty for none.
    #[serde(default)]
    pub identity: String,
    #[serde(default)]
    pub version: String,
    /// Whether the controller has not been heard of for too long, and what is said then.
    pub stale: Option<WhenStale>,
    /// Whether responses are limited, and how; what is not said is as by default.
    pub rate_limit: Option<RateLimit>,
    /// Whether there is a secret for cookies.
    #[serde(default)]
    pub cookies: bool,
    /// Whether the host has no sockets on port 53, so that others may have them.
    #[serde(default)]
    pub no_sockets: bool,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    pub responses_per_second: Option<u32>,
    pub slip: Option<u8>,
    #[serde(default)]
    pub exempt: Vec<ipnet::IpNet>,
    pub exempt_private: Option<bool>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenStale {
    Hold,
    All,
    Servfail,
    Pass,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub address: IpAddr,
    pub mac: Hex,
    #[serde(default)]
    pub vlans: Vec<u16>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct View {
    pub name: String,
    pub clients: Vec<ipnet::IpNet>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    pub name: String,
    #[serde(default = "one_second")]
    pub ttl: u32,
    /// How many addresses one answer carries; all unless told.
    pub subset: Option<u16>,
    /// Bits of an IPv4 and of an IPv6 client's address; by weight, or by turns, unless told.
    pub sticky: Option<[u8; 2]>,
    #[serde(default)]
    pub rule: Rule,
    pub servers: Vec<Server>,
}

fn one_second() -> u32 {
    1
}

/// By which the servers that are called live were chosen, and what there is without one.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    #[default]
    Live,
    All,
    Last,
    Servfail,
    Refused,
    NoData,
}

/// Servers with consecutive addresses.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub address: IpAddr,
    #[serde(default = "one")]
    pub count: u8,
    /// Counted up, too.
    #[serde(default)]
    pub aliases: Vec<IpAddr>,
    /// By the view's name; counted up, too.
    #[serde(default)]
    pub view_aliases: BTreeMap<String, Vec<IpAddr>>,
    #[serde(default = "yes")]
    pub live: bool,
    #[serde(default = "one_part")]
    pub weight: u16,
}

fn one_part() -> u16 {
    1
}

fn one() -> u8 {
    1
}

fn yes() -> bool {
    true
}

/// Bytes in hexadecimal; blanks and colons are for the eye.
#[derive(Clone, Debug, Default)]
pub struct Hex(pub Vec<u8>);

impl Hex {
    pub fn mac(&self) -> Result<[u8; 6]> {
        self.0.as_slice().try_into().with_context(|| format!("{:02x?} is no MAC address", self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_hex(&text).map(Self).map_err(D::Error::custom)
    }
}

fn parse_hex(text: &str) -> Result<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b':').collect();
    ensure!(digits.len().is_multiple_of(2), "`{text}` has an odd number of digits");
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let byte = |pair: &[u8]| u8::try_from(digit(&pair[0])? << 4 | digit(&pair[1])?).ok();
    digits.chunks(2).map(byte).collect::<Option<_>>().with_context(|| format!("`{text}` is not hexadecimal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal() {
        assert_eq!(parse_hex("02:00 ff\nA0").ok(), Some(vec![2, 0, 0xff, 0xa0]));
        for bad in ["0", "zz", "+1"] {
            assert!(parse_hex(bad).is_err(), "{bad}");
        }
    }
}
