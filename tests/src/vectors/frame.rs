//! A frame described field by field, and its bytes.
//!
//! Whatever is not said makes the plainest query. Lengths and checksums come out right unless they are overridden.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Result, bail};
use serde::Deserialize;

use super::{checksum, file::Hex, message::Message};

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Frame {
    pub destination_mac: Hex,
    pub source_mac: Hex,
    /// The outer one first.
    pub tags: Vec<Tag>,
    pub ethertype: Option<u16>,

    /// 4 or 6.
    pub version: u8,
    pub source: Option<IpAddr>,
    pub destination: Option<IpAddr>,
    /// In the header in place of `version`.
    pub version_field: Option<u8>,
    pub tos: u8,
    pub ttl: u8,
    /// Of IPv6.
    pub flow_label: u32,
    pub identification: u16,
    /// Flags and offset of a fragment, as they are in an IPv4 header.
    pub fragment: u16,
    /// IPv4 options, or IPv6 extension headers (with `protocol` the first one's number).
    pub options: Hex,
    pub protocol: u8,
    /// Total length (IPv4) or payload length (IPv6).
    pub ip_length: Option<u16>,
    pub ip_checksum: Checksum,

    pub source_port: u16,
    pub port: u16,
    pub udp_length: Option<u16>,
    pub checksum: Checksum,

    #[serde(flatten)]
    pub message: Message,

    /// Behind the UDP datagram, within the IP packet.
    pub ip_trailer: Hex,
    /// Behind the IP packet.
    pub padding: Hex,
    /// The whole frame's length: what is behind is cut off.
    pub cut: Option<usize>,
    /// The whole frame.
    pub hex: Option<Hex>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    pub vlan: u16,
    #[serde(default)]
    pub priority: u8,
    #[serde(default = "customer")]
    pub r#type: u16,
}

fn customer() -> u16 {
    0x8100
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Checksum {
    Ok,
    Bad,
    Zero,
    /// The pseudo-header's sum alone, as a sender leaves it that has hardware to finish it.
    Partial,
}

impl Default for Frame {
    fn default() -> Self {
        Self {
            destination_mac: Hex(vec![2, 0, 0, 0, 0, 0x53]),
            source_mac: Hex(vec![2, 0, 0, 0, 0, 1]),
            tags: vec![],
            ethertype: None,
            version: 4,
            source: None,
            destination: None,
            version_field: None,
            tos: 0,
            ttl: 61,
            flow_label: 0xf_10e5,
            identification: 0x1d05,
            fragment: 0x4000,
            options: Hex::default(),
            protocol: 17,
            ip_length: None,
            ip_checksum: Checksum::Ok,
            source_port: 40_053,
            port: 53,
            udp_length: None,
            checksum: Checksum::Ok,
            message: Message::default(),
            ip_trailer: Hex::default(),
            padding: Hex::default(),
            cut: None,
            hex: None,
        }
    }
}

impl Frame {
    pub fn build(&self) -> Result<Vec<u8>> {
        if let Some(Hex(bytes)) = &self.hex {
            return Ok(bytes.clone());
        }
        let datagram = self.datagram(&self.message.build()?)?;
        let mut frame = self.ethernet()?;
        frame.extend(self.network(datagram.len() + self.ip_trailer.0.len())?);
        frame.extend(datagram);
        frame.extend(&self.ip_trailer.0);
        frame.extend(&self.padding.0);
        frame.truncate(self.cut.unwrap_or(frame.len()));
        Ok(frame)
    }

    pub fn addresses(&self) -> Result<(IpAddr, IpAddr)> {
        let usual: (IpAddr, IpAddr) = match self.version {
            4 => (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::new(192, 0, 2, 53).into()),
            6 => (
                Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
                Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x53).into(),
            ),
            other => bail!("there is no IP version {other}; use `version_field`"),
        };
        let addresses = (self.source.unwrap_or(usual.0), self.destination.unwrap_or(usual.1));
        match (self.version, addresses) {
            (4, (IpAddr::V4(_), IpAddr::V4(_))) | (6, (IpAddr::V6(_), IpAddr::V6(_))) => Ok(addresses),
            _ => bail!("addresses of another IP version"),
        }
    }

    fn ethernet(&self) -> Result<Vec<u8>> {
        let mut header = [self.destination_mac.mac()?, self.source_mac.mac()?].concat();
        for tag in &self.tags {
            header.extend(tag.r#type.to_be_bytes());
            header.extend((u16::from(tag.priority) << 13 | tag.vlan).to_be_bytes());
        }
        let usual = if self.version == 4 { 0x0800 } else { 0x86dd };
        header.extend(self.ethertype.unwrap_or(usual).to_be_bytes());
        Ok(header)
    }

    fn network(&self, payload: usize) -> Result<Vec<u8>> {
        let (source, destination) = self.addresses()?;
        let options = &self.options.0;
        let version = self.version_field.unwrap_or(self.version);
        if self.version == 4 {
            let words = u8::try_from(5 + options.len() / 4)?;
            let length = self.ip_length.unwrap_or(u16::try_from(20 + options.len() + payload)?);
            let mut header = vec![version << 4 | words, self.tos];
            for field in [length, self.identification, self.fragment] {
                header.extend(field.to_be_bytes());
            }
            header.extend([self.ttl, self.protocol, 0, 0]);
            header.extend(octets(source));
            header.extend(octets(destination));
            header.extend(options);
            let right = checksum::internet(&[&header]);
            let field = match self.ip_checksum {
                Checksum::Ok => right,
                Checksum::Bad => right ^ 0x0100,
                Checksum::Zero => 0,
                Checksum::Partial => bail!("IP checksums are whole"),
            };
            header[10..12].copy_from_slice(&field.to_be_bytes());
            Ok(header)
        } else {
            let length = self.ip_length.unwrap_or(u16::try_from(options.len() + payload)?);
            let first = u32::from(version) << 28 | u32::from(self.tos) << 20 | self.flow_label;
            let mut header = first.to_be_bytes().to_vec();
            header.extend(length.to_be_bytes());
            header.extend([self.protocol, self.ttl]);
            header.extend(octets(source));
            header.extend(octets(destination));
            header.extend(options);
            Ok(header)
        }
    }

    fn datagram(&self, message: &[u8]) -> Result<Vec<u8>> {
        let length = self.udp_length.unwrap_or(u16::try_from(8 + message.len())?);
        let mut datagram = Vec::new();
        for field in [self.source_port, self.port, length, 0] {
            datagram.extend(field.to_be_bytes());
        }
        datagram.extend(message);

        let (source, destination) = self.addresses()?;
        let pseudo_header =
            [&octets(source)[..], &octets(destination), &u32::from(length).to_be_bytes(), &[0, 0, 0, 17]]
                .concat();
        let covered = &datagram[..usize::from(length).min(datagram.len())];
        let right = match checksum::internet(&[&pseudo_header, covered]) {
            0 => 0xffff,
            right => right,
        };
        let field = match self.checksum {
            Checksum::Ok => right,
            // Not zero, which would mean something else.
            Checksum::Bad if right == 0x0100 => 0x0200,
            Checksum::Bad => right ^ 0x0100,
            Checksum::Zero => 0,
            Checksum::Partial => checksum::sum(&[&pseudo_header]),
        };
        datagram[6..8].copy_from_slice(&field.to_be_bytes());
        Ok(datagram)
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
