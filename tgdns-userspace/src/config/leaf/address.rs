//! Addresses and prefixes as the file writes them.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

use super::{Refusal, text};

/// The unicast address of one machine.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Address(pub(in crate::config) IpAddr);

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "an address in quotes, such as \"10.10.10.100\" or \"fd00::100\"", |text| {
            if let Some((address, _)) = text.split_once('/')
                && address.parse::<IpAddr>().is_ok()
            {
                return Err(Some(format!(
                    "{text:?} has a prefix, but nothing is counted here: write \"{address}\""
                )));
            }
            unicast(text).map(Self)
        })
    }
}

/// The address of one machine, or `none`.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct AddressOrNone(pub(in crate::config) Option<IpAddr>);

impl<'de> Deserialize<'de> for AddressOrNone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "an address in quotes, such as \"10.10.10.100\", or \"none\"", |text| match text {
            "none" => Ok(Self(None)),
            address => unicast(address).map(|address| Self(Some(address))),
        })
    }
}

/// The first of some counted addresses, and the network that they must stay in.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Base {
    pub(in crate::config) address: IpAddr,
    /// The /24 (IPv4) or /64 (IPv6) around the address, unless the file gives the prefix: `10.10.10.250/22`.
    pub(in crate::config) network: IpNet,
    /// Whether the network is the file's own and not assumed.
    pub(in crate::config) network_is_given: bool,
}

impl<'de> Deserialize<'de> for Base {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "an address in quotes, such as \"10.10.10.100\" or \"fd00::100\"";
        text(deserializer, expected, |text| {
            let (address, length) = match text.split_once('/') {
                Some((address, length)) => (unicast(address)?, Some(length)),
                None => (unicast(text)?, None),
            };
            let network_is_given = length.is_some();
            let length = match length {
                Some(length) => length.parse().map_err(|_| None)?,
                None if address.is_ipv4() => 24,
                None => 64,
            };
            let network = IpNet::new(address, length).map_err(|_| None)?;
            Ok(Self { address, network, network_is_given })
        })
    }
}

/// A class of clients.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Prefix(pub(in crate::config) IpNet);

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a prefix in quotes, such as \"192.168.0.0/16\" or \"fd00::/8\"";
        text(deserializer, expected, |text| {
            if let Ok(address) = text.parse::<IpAddr>() {
                let length = if address.is_ipv4() { 32 } else { 128 };
                return Err(Some(format!(
                    "{text:?} has no prefix length: write \"{address}/{length}\" for this one client, \
                     or the length of its network"
                )));
            }
            let prefix: IpNet = text.parse().map_err(|_| None)?;
            if prefix != prefix.trunc() {
                return Err(Some(format!(
                    "{text:?} has bits set behind its prefix length: write \"{}\"",
                    prefix.trunc()
                )));
            }
            match prefix {
                IpNet::V6(v6) if v6.prefix_len() >= 96 && v6.addr().to_ipv4_mapped().is_some() => {
                    Err(Some(format!(
                        "{text:?} is IPv4 written as IPv6: no client asks from there, write the IPv4 prefix"
                    )))
                }
                IpNet::V4(_) | IpNet::V6(_) => Ok(Self(prefix)),
            }
        })
    }
}

fn unicast(text: &str) -> Result<IpAddr, Refusal> {
    let address: IpAddr = text.parse().map_err(|_| None)?;
    match refuse(address) {
        Some(cause) => Err(Some(format!("{address} {cause}"))),
        None => Ok(address),
    }
}

/// Why an address can't be that of a server, to be read behind the address.
pub(in crate::config) fn refuse(address: IpAddr) -> Option<String> {
    let kind = match address {
        IpAddr::V4(v4) if v4.octets()[0] == 0 => "belongs to \"this network\" (0.0.0.0/8)",
        IpAddr::V4(v4) if v4.is_multicast() => "is a multicast address",
        IpAddr::V4(v4) if v4.is_broadcast() => "is the broadcast address",
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => "is the unspecified address",
        IpAddr::V6(v6) if v6.is_multicast() => "is a multicast address",
        IpAddr::V6(v6) if v6.is_unicast_link_local() => "is link-local and means nothing beyond its link",
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => "is an IPv4 address written as IPv6",
        IpAddr::V4(_) | IpAddr::V6(_) => return None,
    };
    Some(format!("{kind}: write the address that one machine is reached by"))
}
