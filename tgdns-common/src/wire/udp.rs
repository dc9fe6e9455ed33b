//! UDP headers (RFC 768).

use bytemuck::{Pod, Zeroable};

use crate::checksum::Sum;

/// The port of DNS.
pub const DNS: [u8; 2] = 53_u16.to_be_bytes();

/// A header in two words: source and destination port, then length (of header and payload, in bytes) and checksum.
#[repr(C, packed)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct Header {
    ports: u32,
    length_and_checksum: u32,
}

impl Header {
    #[inline(always)]
    pub const fn new(source: [u8; 2], destination: [u8; 2], length: u16, checksum: [u8; 2]) -> Self {
        let ports = u16::from_le_bytes(source) as u32 | (u16::from_le_bytes(destination) as u32) << 16;
        let length = length.swap_bytes() as u32;
        let checksum = u16::from_le_bytes(checksum) as u32;
        Self { ports: ports.to_le(), length_and_checksum: (length | checksum << 16).to_le() }
    }

    #[inline(always)]
    pub const fn source(self) -> [u8; 2] {
        (u32::from_le(self.ports) as u16).to_le_bytes()
    }

    #[inline(always)]
    pub const fn destination(self) -> [u8; 2] {
        ((u32::from_le(self.ports) >> 16) as u16).to_le_bytes()
    }

    #[inline(always)]
    pub const fn length(self) -> u16 {
        (u32::from_le(self.length_and_checksum) as u16).swap_bytes()
    }

    /// The sender computed none, which IPv6 forbids (RFC 8200 8.1).
    #[inline(always)]
    pub const fn has_no_checksum(self) -> bool {
        u32::from_le(self.length_and_checksum) >> 16 == 0
    }

    #[inline(always)]
    pub const fn sum(self) -> Sum {
        u32::from_le(self.ports) as Sum + u32::from_le(self.length_and_checksum) as Sum
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn size_is_that_of_the_wire() {
        assert_eq!(size_of::<super::Header>(), network_types::udp::UdpHdr::LEN);
    }
}
