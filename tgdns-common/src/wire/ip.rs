//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers.

use bytemuck::{Pod, Zeroable};

use crate::{
    checksum::{self, Sum},
    tables::Address,
};

/// The protocol number of UDP.
pub const UDP: u8 = network_types::ip::IpProto::Udp as u8;

/// Hops that a reply may take; Linux's default.
pub const HOPS: u8 = 64;

/// An IPv4 header without options, in words: what is added up is loaded as it is added.
#[repr(C, packed)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct V4 {
    /// Version and header length (4 bits each), type of service, total length.
    first: u32,
    /// Identification, flags and fragment offset.
    fragment: u32,
    /// Hops, protocol, checksum.
    third: u32,
    source: u32,
    destination: u32,
}

impl V4 {
    /// Version 4, a header of five 32-bit words.
    const PLAIN: u32 = 0x45;
    const DONT_FRAGMENT: u32 = 0x4000;
    const HOPS_AND_PROTOCOL: u32 = (HOPS as u32) << 24 | (UDP as u32) << 16;

    /// The header of a UDP reply of `length` bytes in all, with its checksum. `addresses` is the sum of both.
    #[inline(always)]
    pub const fn reply(length: u16, source: [u8; 4], destination: [u8; 4], addresses: Sum) -> Self {
        let first = (Self::PLAIN << 24).to_be() | (length as u32).to_be();
        let fragment = Self::DONT_FRAGMENT.to_be();
        let third = Self::HOPS_AND_PROTOCOL.to_be();
        let sum = u32::from_le(first) as Sum + u32::from_le(fragment) as Sum + u32::from_le(third) as Sum;
        let checksum = u16::from_le_bytes(checksum::field(sum + addresses)) as u32;
        Self {
            first,
            fragment,
            third: third | (checksum << 16).to_le(),
            source: u32::from_ne_bytes(source),
            destination: u32::from_ne_bytes(destination),
        }
    }

    #[inline(always)]
    pub const fn protocol(self) -> u8 {
        (u32::from_be(self.third) >> 16) as u8
    }

    #[inline(always)]
    pub const fn is_version_4(self) -> bool {
        u32::from_be(self.first) >> 28 == 4
    }

    #[inline(always)]
    pub const fn has_options(self) -> bool {
        u32::from_be(self.first) >> 24 != Self::PLAIN
    }

    /// In bytes, with this header.
    #[inline(always)]
    pub const fn total_length(self) -> u16 {
        u32::from_be(self.first) as u16
    }

    /// More fragments follow, or this is not the first one, or the reserved bit is set.
    #[inline(always)]
    pub const fn is_fragment(self) -> bool {
        u32::from_be(self.fragment) & 0xbfff != 0
    }

    #[inline(always)]
    pub const fn source(self) -> [u8; 4] {
        self.source.to_ne_bytes()
    }

    #[inline(always)]
    pub const fn destination(self) -> [u8; 4] {
        self.destination.to_ne_bytes()
    }

    /// Of both addresses.
    #[inline(always)]
    pub const fn address_sum(self) -> Sum {
        u32::from_le(self.source) as Sum + u32::from_le(self.destination) as Sum
    }

    #[inline(always)]
    pub const fn sum(self) -> Sum {
        u32::from_le(self.first) as Sum
            + u32::from_le(self.fragment) as Sum
            + u32::from_le(self.third) as Sum
            + self.address_sum()
    }
}

/// An IPv6 header, in words.
#[repr(C, packed)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct V6 {
    /// Version (4 bits), traffic class (8 bits), flow label (20 bits), payload length, next header, hops.
    first: u64,
    source: [u64; 2],
    destination: [u64; 2],
}

impl V6 {
    /// The header of a UDP reply with `length` bytes behind it.
    #[inline(always)]
    pub fn reply(length: u16, source: Address, destination: Address) -> Self {
        let first = 6 << 60 | u64::from(length) << 16 | u64::from(UDP) << 8 | u64::from(HOPS);
        Self {
            first: first.to_be(),
            source: source.0.map(u64::to_le),
            destination: destination.0.map(u64::to_le),
        }
    }

    #[inline(always)]
    pub const fn is_version_6(self) -> bool {
        u64::from_be(self.first) >> 60 == 6
    }

    /// In bytes, without this header.
    #[inline(always)]
    pub const fn payload_length(self) -> u16 {
        (u64::from_be(self.first) >> 16) as u16
    }

    #[inline(always)]
    pub const fn next_header(self) -> u8 {
        (u64::from_be(self.first) >> 8) as u8
    }

    /// Of both addresses.
    #[inline(always)]
    pub fn address_sum(self) -> Sum {
        let words = self.source().0.into_iter().chain(self.destination().0);
        words.fold(0, |sum, word| sum + checksum::word(word))
    }

    #[inline(always)]
    pub fn source(self) -> Address {
        let words = self.source;
        Address(words.map(u64::from_le))
    }

    #[inline(always)]
    pub fn destination(self) -> Address {
        let words = self.destination;
        Address(words.map(u64::from_le))
    }
}

#[cfg(test)]
mod tests {
    use network_types::ip::{Ipv4Hdr, Ipv6Hdr};

    use super::*;

    #[test]
    fn sizes_are_those_of_the_wire() {
        assert_eq!(size_of::<V4>(), Ipv4Hdr::LEN);
        assert_eq!(size_of::<V6>(), Ipv6Hdr::LEN);
    }
}
