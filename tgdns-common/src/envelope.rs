//! What carries a message over Ethernet: from a frame to client and offsets, and back.

use bytemuck::{Pod, Zeroable};

use crate::{
    checksum::{self, Sum},
    packet::{Packet, at_most, forget},
    reason::Reason,
    tables::{Address, ServiceKey, Settings, Tables},
    wire::{
        eth::{self, Tag},
        ip, udp,
    },
};

const ETHERNET: usize = size_of::<eth::Header>();
const TAG: usize = size_of::<Tag>();
const V4: usize = size_of::<ip::V4>();
const V6: usize = size_of::<ip::V6>();
const UDP: usize = size_of::<udp::Header>();

/// The headers of a query, as far as its reply needs them.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub struct Envelope {
    ethernet: eth::Header,
    tags: [Tag; 2],
    /// 0 to 2.
    tag_count: usize,
    /// 4 or 6.
    family: usize,
    pub source: Address,
    pub destination: Address,
    source_port: [u8; 2],
    /// Of both addresses; the reply's is the same.
    address_sum: Sum,
    /// Of the pseudo-header and the UDP header.
    pub sum: Sum,
    pub has_checksum: bool,
    /// Where the DNS message begins.
    pub message: usize,
    pub message_length: usize,
}

impl Envelope {
    /// Reads the headers of a frame that is a UDP datagram for DNS.
    ///
    /// # Errors
    /// The first reason why it is not, or why it is not a plain one.
    #[inline(always)]
    pub fn parse<P: Packet>(packet: &P) -> Result<Self, Reason> {
        let ethernet: eth::Header = packet.get(0)?;
        let mut tags = [Tag::NONE; 2];
        let mut tag_count = 0;
        let mut following = ethernet.following;
        let mut network = ETHERNET;
        for tag in &mut tags {
            if following != eth::VLAN && following != eth::PROVIDER_VLAN {
                break;
            }
            *tag = packet.get(network)?;
            following = tag.following();
            network += TAG;
            tag_count += 1;
        }
        let datagram = if following == eth::IPV4 {
            parse_v4(packet.get(network)?, network, packet.length())?
        } else if following == eth::IPV6 {
            parse_v6(packet, network)?
        } else {
            return Err(Reason::NotIp);
        };
        let transport = forget::<127>(packet, datagram.transport);
        let header: udp::Header = packet.get(transport)?;
        let (tag_count, family) = (forget::<3>(packet, tag_count), forget::<7>(packet, datagram.family));
        Self::of(packet, ethernet, tags, tag_count, Datagram { family, transport, ..datagram }, header)
    }

    /// Reads the headers of a frame without a tag that holds IPv4, so that all offsets are constants; nothing of any other
    /// frame.
    #[inline(always)]
    pub fn parse_plainest<P: Packet>(packet: &P) -> Option<Result<Self, Reason>> {
        let headers: PlainestHeaders = packet.get(0).ok()?;
        if headers.ethernet.following != eth::IPV4 {
            return None;
        }
        let datagram = parse_v4(headers.ip, ETHERNET, packet.length());
        Some(datagram.and_then(|datagram| {
            Self::of(packet, headers.ethernet, [Tag::NONE; 2], 0, datagram, headers.udp)
        }))
    }

    #[inline(always)]
    fn of<P: Packet>(
        packet: &P,
        ethernet: eth::Header,
        tags: [Tag; 2],
        tag_count: usize,
        datagram: Datagram,
        header: udp::Header,
    ) -> Result<Self, Reason> {
        if header.destination() != udp::DNS {
            return Err(Reason::NotDns);
        }
        let length = usize::from(header.length());
        if length < UDP || length > datagram.length {
            return Err(Reason::Truncated);
        }
        Ok(Self {
            ethernet,
            tags,
            tag_count,
            family: datagram.family,
            source: datagram.source,
            destination: datagram.destination,
            source_port: header.source(),
            address_sum: datagram.address_sum,
            sum: packet.hide(pseudo_sum(datagram.address_sum, header.length()) + header.sum()),
            has_checksum: !header.has_no_checksum(),
            message: datagram.transport + UDP,
            message_length: length - UDP,
        })
    }

    /// Whether this host may answer: the destination is its own, the source one that may get an answer.
    ///
    /// # Errors
    /// The reason why not.
    #[inline(always)]
    pub fn admit<T: Tables>(&self, tables: &T, settings: &Settings) -> Result<(), Reason> {
        let vlans = self.tags.map(Tag::identifier);
        let wanted = ServiceKey::new(self.destination, self.ethernet.destination, vlans, self.family as u8);
        let services = settings.services;
        let [first, second] = services.positions(wanted.hash(services.seed(services.number())));
        let is_at = |position| tables.service(position).is_some_and(|service| wanted.is(service));
        if !is_at(first) && !is_at(second) {
            return Err(Reason::NotOurAddress);
        }
        if self.ethernet.source.is_group() {
            return Err(Reason::SourceMac);
        }
        if !self.source_is_plain() {
            return Err(Reason::SourceAddress);
        }
        match u16::from_be_bytes(self.source_port) {
            // echo, discard, daytime, chargen and time answer whatever they get.
            0 | 7 | 13 | 19 | 37 => return Err(Reason::SourcePort),
            _ => {}
        }
        if self.family == 6 && !self.has_checksum {
            return Err(Reason::NoUdpChecksum);
        }
        Ok(())
    }

    /// RFC 1122 3.2.1.3, RFC 1812 5.3.7; for IPv6 also addresses that embed an IPv4 address, loopback and none at all.
    #[inline(always)]
    fn source_is_plain(&self) -> bool {
        let [low, high] = self.source.0;
        if (low ^ self.destination.0[0]) | (high ^ self.destination.0[1]) == 0 {
            return false;
        }
        if self.family == 4 {
            let [first, ..] = self.source.to_ipv4();
            (1..224).contains(&first) && first != 127
        } else {
            low & 0xff != 0xff && low != 0
        }
    }

    /// The length of a reply frame with a message of that length.
    #[inline(always)]
    pub fn frame_length(&self, message_length: usize) -> usize {
        ETHERNET + self.tag_count * TAG + if self.family == 4 { V4 } else { V6 } + UDP + message_length
    }

    /// Writes the headers of the reply, from a sum of its message.
    ///
    /// # Errors
    /// `Write` where the packet is too short.
    #[inline(always)]
    pub fn write_reply<P: Packet>(
        &self,
        packet: &mut P,
        message_length: usize,
        message: Sum,
    ) -> Result<(), Reason> {
        let ethernet = eth::Header {
            destination: self.ethernet.source,
            source: self.ethernet.destination,
            following: self.ethernet.following,
        };
        let length = (UDP + message_length) as u16;
        let without = udp::Header::new(udp::DNS, self.source_port, length, [0, 0]);
        let sum = pseudo_sum(self.address_sum, length) + without.sum() + message;
        let udp = udp::Header::new(udp::DNS, self.source_port, length, checksum::udp_field(sum));
        if self.family == 4 {
            let (from, to) = (self.destination.to_ipv4(), self.source.to_ipv4());
            let ip = ip::V4::reply(V4 as u16 + length, from, to, self.address_sum);
            if self.tag_count == 0 {
                return packet.put(0, PlainestHeaders { ethernet, ip, udp });
            }
            let network = self.write_ethernet(packet, ethernet)?;
            packet.put(network, V4Headers { ip, udp })
        } else {
            let ip = ip::V6::reply(length, self.destination, self.source);
            let network = self.write_ethernet(packet, ethernet)?;
            packet.put(network, V6Headers { ip, udp })
        }
    }

    /// Gives the offset of what follows.
    #[inline(always)]
    fn write_ethernet<P: Packet>(&self, packet: &mut P, header: eth::Header) -> Result<usize, Reason> {
        packet.put(0, header)?;
        if self.tag_count > 0 {
            packet.put(ETHERNET, self.tags[0])?;
        }
        if self.tag_count > 1 {
            packet.put(ETHERNET + TAG, self.tags[1])?;
        }
        Ok(at_most::<31>(packet, ETHERNET + self.tag_count * TAG))
    }
}

/// The headers of most frames, read and written in one piece.
#[repr(C, packed)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct PlainestHeaders {
    ethernet: eth::Header,
    ip: ip::V4,
    udp: udp::Header,
}

/// An IPv4 and a UDP header, written in one piece.
#[repr(C, packed)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct V4Headers {
    ip: ip::V4,
    udp: udp::Header,
}

/// An IPv6 and a UDP header, written in one piece.
#[repr(C, packed)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct V6Headers {
    ip: ip::V6,
    udp: udp::Header,
}

/// Of UDP's pseudo-header: addresses, protocol and length (RFC 768, RFC 8200 8.1).
#[inline(always)]
fn pseudo_sum(address_sum: Sum, length: u16) -> Sum {
    address_sum + checksum::pair([0, ip::UDP]) + checksum::pair(length.to_be_bytes())
}

/// What an IP header says.
struct Datagram {
    family: usize,
    source: Address,
    destination: Address,
    /// Where the UDP header begins.
    transport: usize,
    /// Of UDP header and payload, in bytes, by the IP header.
    length: usize,
    /// Of both addresses.
    address_sum: Sum,
}

#[inline(always)]
fn parse_v4(header: ip::V4, offset: usize, packet_length: usize) -> Result<Datagram, Reason> {
    if header.protocol() != ip::UDP {
        return Err(Reason::NotUdp);
    }
    if header.has_options() {
        return Err(if header.is_version_4() { Reason::IpOptions } else { Reason::NotIp });
    }
    if header.is_fragment() {
        return Err(Reason::Fragment);
    }
    let length = usize::from(header.total_length());
    if length < V4 || offset + length > packet_length {
        return Err(Reason::Truncated);
    }
    if !checksum::is_right(header.sum()) {
        return Err(Reason::IpChecksum);
    }
    Ok(Datagram {
        family: 4,
        source: Address::from_ipv4(header.source()),
        destination: Address::from_ipv4(header.destination()),
        transport: offset + V4,
        length: length - V4,
        address_sum: header.address_sum(),
    })
}

#[inline(always)]
fn parse_v6<P: Packet>(packet: &P, offset: usize) -> Result<Datagram, Reason> {
    let header: ip::V6 = packet.get(offset)?;
    if !header.is_version_6() {
        return Err(Reason::NotIp);
    }
    if header.next_header() != ip::UDP {
        return Err(if is_extension(header.next_header()) { Reason::Ipv6Extension } else { Reason::NotUdp });
    }
    let length = usize::from(header.payload_length());
    if offset + V6 + length > packet.length() {
        return Err(Reason::Truncated);
    }
    Ok(Datagram {
        family: 6,
        source: header.source(),
        destination: header.destination(),
        transport: offset + V6,
        length,
        address_sum: header.address_sum(),
    })
}

/// Hop-by-hop options, routing, fragment, ESP, AH, destination options (RFC 8200 4).
#[inline(always)]
fn is_extension(next_header: u8) -> bool {
    matches!(next_header, 0 | 43 | 44 | 50 | 51 | 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::TooShort;

    /// A query's frame up to the DNS message, which is not read here.
    const FRAME: [u8; 50] = [
        2, 0, 0, 0, 0, 0x53, 2, 0, 0, 0, 0, 1, 8, 0, // Ethernet
        0x45, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0xf6, 0x92, 192, 0, 2, 1, 192, 0, 2, 53, // IPv4
        0x30, 0x39, 0, 53, 0, 16, 0, 0, // UDP
        0, 0, 0, 0, 0, 0, 0, 0,
    ];

    struct Bytes<'b>(&'b [u8]);

    impl Packet for Bytes<'_> {
        fn length(&self) -> usize {
            self.0.len()
        }

        fn get<T: Pod>(&self, offset: usize) -> Result<T, TooShort> {
            let bytes = self.0.get(offset..).and_then(|rest| rest.get(..size_of::<T>()));
            bytes.map(bytemuck::pod_read_unaligned).ok_or(TooShort)
        }

        fn put<T: Pod>(&mut self, _: usize, _: T) -> Result<(), Reason> {
            Err(Reason::Write)
        }

        fn resize(&mut self, _: usize) -> Result<(), Reason> {
            Err(Reason::NoRoom)
        }

        fn shorten(&mut self, _: usize) -> Result<(), Reason> {
            Err(Reason::Write)
        }
    }

    /// Each byte with each value, at each length: what is read with constant offsets is read with others likewise.
    #[test]
    fn plainest_frames_are_read_as_all_others_are() {
        let (mut good, mut bad) = (0, 0);
        for length in 0..=FRAME.len() {
            for place in 0..length.max(1) {
                for value in 0..=255 {
                    let mut frame = FRAME;
                    frame[place] = value;
                    let packet = Bytes(&frame[..length]);
                    match Envelope::parse_plainest(&packet) {
                        Some(read) => {
                            if read.is_ok() {
                                good += 1
                            } else {
                                bad += 1
                            }
                            assert_eq!(read, Envelope::parse(&packet), "{value} at {place} of {length}");
                        }
                        None => assert!(length < 42 || matches!(place, 12 | 13), "{value} at {place}"),
                    }
                }
            }
        }
        assert!(good > 1000 && bad > 1000, "{good} {bad}");
    }
}
