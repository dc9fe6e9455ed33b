//! The frame of a query to a service address, and the message in a reply's frame.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, Result};
use tgdns_common::{
    checksum,
    tables::{Address, Service},
    wire::{
        eth,
        ip::{self, V4, V6},
        udp,
    },
};

/// A locally administered MAC.
const CLIENT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const CLIENT_PORT: [u8; 2] = 40_000_u16.to_be_bytes();

/// A service's address.
pub(super) fn address(service: &Service) -> IpAddr {
    let address = Ipv6Addr::from(service.address);
    if service.family == 4 { address.to_canonical() } else { address.into() }
}

/// Some other address next to one.
pub(super) fn neighbour(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from(u32::from(address) ^ 1).into(),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) ^ 1).into(),
    }
}

/// The frame of a datagram to port 53 of the service, in its VLAN.
pub(crate) fn query(service: &Service, client: IpAddr, message: &[u8]) -> Vec<u8> {
    let mut frame = [service.mac, CLIENT_MAC].concat();
    for vlan in service.vlans.iter().filter(|vlan| **vlan != [0, 0]) {
        frame.extend_from_slice(&eth::VLAN.to_ne_bytes());
        frame.extend_from_slice(vlan);
    }
    let length = 8 + message.len() as u16;
    let words = |address| match address {
        IpAddr::V4(address) => Address::from_ipv4(address.octets()),
        IpAddr::V6(address) => Address::from_ipv6(address.octets()),
    };
    let words_of_both = [words(client), words(address(service))].into_iter().flat_map(|address| address.0);
    let addresses = words_of_both.map(checksum::word).sum::<checksum::Sum>();
    match (client, address(service)) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            frame.extend_from_slice(&eth::IPV4.to_ne_bytes());
            let header = V4::reply(20 + length, source.octets(), destination.octets(), addresses);
            frame.extend_from_slice(bytemuck::bytes_of(&header));
        }
        (_, destination) => {
            frame.extend_from_slice(&eth::IPV6.to_ne_bytes());
            let header = V6::reply(length, words(client), words(destination));
            frame.extend_from_slice(bytemuck::bytes_of(&header));
        }
    }
    let without = udp::Header::new(CLIENT_PORT, udp::DNS, length, [0, 0]);
    let mut sum =
        checksum::pair([0, ip::UDP]) + checksum::pair(length.to_be_bytes()) + without.sum() + addresses;
    sum += message
        .chunks(2)
        .map(|pair| checksum::pair([pair[0], pair.get(1).copied().unwrap_or(0)]))
        .sum::<u64>();
    let header = udp::Header::new(CLIENT_PORT, udp::DNS, length, checksum::udp_field(sum));
    frame.extend_from_slice(bytemuck::bytes_of(&header));
    frame.extend_from_slice(message);
    frame
}

/// The message in a frame that the program made.
pub(super) fn payload(frame: &[u8]) -> Result<&[u8]> {
    let mut offset = 12;
    let following_at = |offset: usize| {
        let bytes = frame.get(offset..offset + 2).context("the reply ends in its headers")?;
        Ok::<_, anyhow::Error>(u16::from_ne_bytes(bytes.try_into()?))
    };
    let mut following = following_at(offset)?;
    while following == eth::VLAN || following == eth::PROVIDER_VLAN {
        offset += 4;
        following = following_at(offset)?;
    }
    let headers = 2 + 8 + if following == eth::IPV4 { size_of::<V4>() } else { size_of::<V6>() };
    frame.get(offset + headers..).context("the reply ends before its message")
}
