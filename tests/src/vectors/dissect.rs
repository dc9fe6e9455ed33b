//! A frame taken apart, with everything checked that a receiver checks.

use std::net::IpAddr;

use anyhow::{Context as _, Result, bail, ensure};

use super::checksum;

/// A UDP datagram and what carries it.
#[derive(Clone, Debug)]
pub struct Datagram {
    pub destination_mac: [u8; 6],
    pub source_mac: [u8; 6],
    /// From the first tag's type to the last tag's end.
    pub tags: Vec<u8>,
    pub source: IpAddr,
    pub destination: IpAddr,
    pub source_port: u16,
    pub destination_port: u16,
    pub message: Vec<u8>,
    /// Bytes behind the datagram.
    pub trailer: usize,
}

impl Datagram {
    /// # Errors
    /// A length or checksum that a receiver would not accept.
    pub fn parse(frame: &[u8]) -> Result<Self> {
        let mut rest = frame;
        let destination_mac = take(&mut rest, 6)?.try_into()?;
        let source_mac = take(&mut rest, 6)?.try_into()?;
        let mut tags = Vec::new();
        let mut following = number(take(&mut rest, 2)?);
        while [0x8100, 0x88a8].contains(&following) {
            tags.extend(u16::to_be_bytes(following));
            tags.extend(take(&mut rest, 2)?);
            following = number(take(&mut rest, 2)?);
        }
        let (source, destination, mut packet): (IpAddr, IpAddr, &[u8]) = match following {
            0x0800 => {
                let header = rest.get(..20).context("no IPv4 header")?;
                ensure!(header[0] == 0x45 && header[9] == 17, "no plain IPv4 with UDP");
                ensure!(checksum::sum(&[header]) == 0xffff, "the IPv4 checksum is wrong");
                let length = usize::from(number(&header[2..4]));
                let packet = rest.get(20..length).context("the IPv4 length is wrong")?;
                (octets4(&header[12..16])?.into(), octets4(&header[16..20])?.into(), packet)
            }
            0x86dd => {
                let header = rest.get(..40).context("no IPv6 header")?;
                ensure!(header[0] >> 4 == 6 && header[6] == 17, "no plain IPv6 with UDP");
                let length = usize::from(number(&header[4..6]));
                let packet = rest.get(40..40 + length).context("the IPv6 length is wrong")?;
                (octets16(&header[8..24])?.into(), octets16(&header[24..40])?.into(), packet)
            }
            other => bail!("no IP but {other:#06x}"),
        };
        let behind_headers = rest.len() - if source.is_ipv4() { 20 } else { 40 };
        let length = usize::from(number(packet.get(4..6).context("no UDP header")?));
        ensure!((8..=packet.len()).contains(&length), "the UDP length is wrong");
        packet = &packet[..length];
        let has_none = packet[6..8] == [0, 0];
        ensure!(!has_none || source.is_ipv4(), "IPv6 without a UDP checksum");
        if !has_none {
            let pseudo = [octets(source), octets(destination), vec![0, 17], packet[4..6].to_vec()].concat();
            ensure!(checksum::sum(&[&pseudo, packet]) == 0xffff, "the UDP checksum is wrong");
        }
        Ok(Self {
            destination_mac,
            source_mac,
            tags,
            source,
            destination,
            source_port: number(&packet[..2]),
            destination_port: number(&packet[2..4]),
            message: packet[8..].to_vec(),
            trailer: behind_headers - length,
        })
    }

    /// The bytes of the question, and where it ends in the message.
    pub fn question(&self) -> Result<(&[u8], usize)> {
        let mut end = 12;
        loop {
            let length = usize::from(*self.message.get(end).context("the name has no end")?);
            ensure!(length < 64, "the name is compressed");
            end += 1 + length;
            if length == 0 {
                break;
            }
        }
        end += 4;
        Ok((self.message.get(12..end).context("the question has no end")?, end))
    }
}

fn take<'b>(rest: &mut &'b [u8], count: usize) -> Result<&'b [u8]> {
    let (taken, left) = rest.split_at_checked(count).context("the frame is too short")?;
    *rest = left;
    Ok(taken)
}

fn number(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

fn octets4(bytes: &[u8]) -> Result<[u8; 4]> {
    Ok(bytes.try_into()?)
}

fn octets16(bytes: &[u8]) -> Result<[u8; 16]> {
    Ok(bytes.try_into()?)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
