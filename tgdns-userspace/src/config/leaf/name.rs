//! Names as the file writes them; all are kept in lower case.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer};

use super::text;
use crate::config::LONGEST_WIRE_NAME;

/// The DNS name of a cluster, in lower case, without the trailing dot.
#[derive(Clone, Debug)]
pub(in crate::config) struct Name(pub(in crate::config) String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a DNS name in quotes, such as \"internet.intern.netz\"", |text| {
            let name = text.strip_suffix('.').unwrap_or(text);
            if name.parse::<IpAddr>().is_ok() {
                return Err(Some(format!(
                    "{text:?} is an address: a cluster's name is the DNS name it serves"
                )));
            }
            if let Some(cause) = name.split('.').find_map(refuse_label) {
                return Err(Some(format!("{text:?} is no DNS name: {cause}")));
            }
            // A length byte before each label, in place of its dot, and the root's zero.
            let wire_length = name.len() + 2;
            if wire_length > LONGEST_WIRE_NAME {
                return Err(Some(format!(
                    "{text:?} takes {wire_length} bytes on the wire, but the fast path compares names of at most \
                     {LONGEST_WIRE_NAME}: use a name of at most {} characters",
                    LONGEST_WIRE_NAME - 2
                )));
            }
            Ok(Self(name.to_ascii_lowercase()))
        })
    }
}

/// The name of a view, a part or a server: one DNS label, in lower case.
#[derive(Clone, Debug)]
pub(in crate::config) struct Label(pub(in crate::config) String);

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a name in quotes, such as \"tgpro-9\"", |text| match refuse_label(text) {
            Some(cause) => Err(Some(format!("{text:?} is no name: {cause}"))),
            None => Ok(Self(text.to_ascii_lowercase())),
        })
    }
}

/// Why a text can't be a label of a host's name (RFC 1123 2.1; the underscore is in wide use beside it).
fn refuse_label(label: &str) -> Option<String> {
    let foreign = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if label.is_empty() {
        return Some("a label is empty; write at least one character".to_owned());
    }
    if let Some(c) = label.chars().find(foreign) {
        let hint = if c.is_ascii() { "" } else { "; international names have an xn-- form" };
        return Some(format!("write a-z, 0-9, '-' or '_' in place of {c:?}{hint}"));
    }
    if label.len() > 63 {
        return Some(format!("a label has {} characters; at most 63 are allowed", label.len()));
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Some("a label starts or ends with '-'; take it away".to_owned());
    }
    None
}
