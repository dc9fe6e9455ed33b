//! Ethernet and VLAN headers (IEEE 802.3, 802.1Q).

use bytemuck::{Pod, Zeroable};
use network_types::eth::EtherType;

/// What follows the addresses or a VLAN tag, as a number in the machine's byte order.
pub type Type = u16;

pub const IPV4: Type = EtherType::Ipv4 as u16;
pub const IPV6: Type = EtherType::Ipv6 as u16;
/// A customer's VLAN tag (802.1Q).
pub const VLAN: Type = EtherType::Ieee8021q as u16;
/// A provider's VLAN tag (802.1ad, "QinQ").
pub const PROVIDER_VLAN: Type = EtherType::Ieee8021ad as u16;

/// An address.
#[repr(C, packed)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Mac {
    first: u32,
    second: u16,
}

impl Mac {
    /// Its six bytes as a little-endian number.
    #[inline(always)]
    pub const fn word(self) -> u64 {
        u32::from_le(self.first) as u64 | (u16::from_le(self.second) as u64) << 32
    }

    /// The address of a group, broadcast included.
    #[inline(always)]
    pub const fn is_group(self) -> bool {
        u32::from_le(self.first) & 1 != 0
    }
}

impl From<[u8; 6]> for Mac {
    #[inline(always)]
    fn from(bytes: [u8; 6]) -> Self {
        bytemuck::must_cast(bytes)
    }
}

#[repr(C, packed)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Header {
    pub destination: Mac,
    pub source: Mac,
    /// In the order of the wire, like the constants of `Type` as numbers.
    pub following: Type,
}

/// What follows a VLAN's `Type`: priority (3 bits), drop eligible (1 bit), VLAN identifier (12 bits), `Type`.
#[repr(C, packed)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Tag(u32);

impl Tag {
    /// No tag.
    pub const NONE: Self = Self(0);

    #[inline(always)]
    pub const fn following(self) -> Type {
        ((u32::from_le(self.0) >> 16) as u16).to_le()
    }

    /// The VLAN identifier, in the order of the wire; 0 for a priority tag, whose frame belongs to no VLAN.
    #[inline(always)]
    pub const fn identifier(self) -> [u8; 2] {
        ((u32::from_be(self.0) >> 16) as u16 & 0x0fff).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_values_are_those_of_the_wire() {
        assert_eq!(size_of::<Header>(), network_types::eth::EthHdr::LEN);
        assert_eq!(size_of::<Tag>(), 4);
        assert_eq!((IPV4.to_ne_bytes(), IPV6.to_ne_bytes()), ([0x08, 0x00], [0x86, 0xdd]));
        assert_eq!((VLAN.to_ne_bytes(), PROVIDER_VLAN.to_ne_bytes()), ([0x81, 0x00], [0x88, 0xa8]));
        let tag: Tag = bytemuck::must_cast([0xe1_u8, 0x23, 0x86, 0xdd]);
        assert_eq!((tag.identifier(), tag.following()), ([0x01, 0x23], IPV6));
    }
}
