//! The values of probes by DNS.

use std::net::IpAddr;

use hickory_proto::{op::ResponseCode, rr};
use serde::{Deserialize, Deserializer};

use super::{probe::any_of, text};
use crate::cluster::{RCODES, Transport};

/// Any name that can be asked for.
#[derive(Clone, Debug)]
pub(in crate::config) struct QueryName(pub(in crate::config) rr::Name);

impl<'de> Deserialize<'de> for QueryName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a DNS name in quotes, such as \"example.com\" or \".\"", |text| {
            let mut name = rr::Name::from_ascii(text).ok().filter(|_| !text.is_empty()).ok_or(None)?;
            name.set_fqdn(true);
            Ok(Self(name))
        })
    }
}

/// A type of record that a question can be for.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct RecordType(pub(in crate::config) rr::RecordType);

impl<'de> Deserialize<'de> for RecordType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a type of record in quotes, such as \"SOA\", \"A\" or \"TYPE65\"", |text| {
            let wanted = text.to_uppercase();
            let number = wanted.strip_prefix("TYPE").and_then(|number| number.parse::<u16>().ok());
            let record_type = match number {
                Some(number) => rr::RecordType::from(number),
                None => wanted.parse().map_err(|_| None)?,
            };
            // RFC 6895 3.1: the others (such as OPT and AXFR) are no records, or are answered by many messages.
            match u16::from(record_type) {
                1..=40 | 42..=127 | 255.. => Ok(Self(record_type)),
                _ => Err(None),
            }
        })
    }
}

/// `udp` or `tcp`.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct TransportWord(pub(in crate::config) Transport);

impl<'de> Deserialize<'de> for TransportWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "\"udp\" or \"tcp\"", |text| match text {
            "udp" => Ok(Self(Transport::Udp)),
            "tcp" => Ok(Self(Transport::Tcp)),
            _ => Err(None),
        })
    }
}

#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Rcode(pub(in crate::config) ResponseCode);

impl<'de> Deserialize<'de> for Rcode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = RCODES.map(|(word, _)| format!("{word:?}"));
        text(deserializer, any_of(&words), |text| {
            let known = RCODES.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
            known.map(|(_, rcode)| Self(*rcode)).ok_or(None)
        })
    }
}

/// An address that is asked for in an answer; any will do.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct AnswerAddress(pub(in crate::config) IpAddr);

impl<'de> Deserialize<'de> for AnswerAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "an address in quotes, such as \"192.0.2.1\" or \"2001:db8::1\"", |text| {
            text.parse().map(Self).map_err(|_| None)
        })
    }
}
