//! Why the fast path did not answer a frame.

/// What becomes of a frame that is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The kernel's stack, and the slow path behind it, judge it.
    Pass,
    /// It is invalid for anyone, or half rewritten.
    Drop,
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal => $verdict:ident,)+) => {
        /// Each value is counted by its name; `Verdict::Pass` unless its text says otherwise.
        #[repr(u8)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Reason {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name that counters, logs and vectors use.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// One sentence for people.
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+),)+ }
            }

            #[inline(always)]
            pub const fn verdict(self) -> Verdict {
                match self { $(Self::$variant => Verdict::$verdict,)+ }
            }
        }
    };
}

reasons! {
    /// The frame is shorter than its headers say.
    Truncated = "truncated" => Pass,
    /// Neither IPv4 nor IPv6.
    NotIp = "not_ip" => Pass,
    /// Not UDP.
    NotUdp = "not_udp" => Pass,
    /// Not for port 53.
    NotDns = "not_dns" => Pass,
    /// A fragment of an IPv4 packet.
    Fragment = "fragment" => Pass,
    /// The IPv4 header has options.
    IpOptions = "ip_options" => Pass,
    /// The IPv6 packet has extension headers.
    Ipv6Extension = "ipv6_extension" => Pass,
    /// The IPv4 header's checksum is wrong.
    IpChecksum = "ip_checksum" => Pass,
    /// The destination is not a service address of this host in that VLAN, or the frame is not for the NIC's own MAC.
    NotOurAddress = "not_our_address" => Pass,
    /// The source MAC is a group's; an answer must not go to a group.
    SourceMac = "source_mac" => Pass,
    /// No answer may go to that source address (RFC 1122 3.2.1.3, RFC 1812 5.3.7).
    SourceAddress = "source_address" => Pass,
    /// The source port is 0, or of a service that answers anything (7, 13, 19, 37). Dropped.
    SourcePort = "source_port" => Drop,
    /// The message is a response: responders must never talk to each other. Dropped.
    Response = "response" => Drop,
    /// The UDP checksum is wrong, or left to offload hardware.
    UdpChecksum = "udp_checksum" => Pass,
    /// IPv6 without the UDP checksum that it demands.
    NoUdpChecksum = "no_udp_checksum" => Pass,
    /// The opcode is not QUERY.
    Opcode = "opcode" => Pass,
    /// A header bit is set that plain queries leave clear (AA, TC, RA, Z or an RCODE).
    HeaderFlags = "header_flags" => Pass,
    /// Not exactly one question, or records besides one OPT.
    Counts = "counts" => Pass,
    /// The message is longer than the fast path reads.
    TooLong = "too_long" => Pass,
    /// The name in the question is compressed, truncated or otherwise malformed, or longer than the tables hold.
    MalformedName = "malformed_name" => Pass,
    /// There are bytes behind the message's last record.
    TrailingBytes = "trailing_bytes" => Pass,
    /// The OPT record is malformed, or the additional record is no OPT.
    MalformedOpt = "malformed_opt" => Pass,
    /// An EDNS version other than 0.
    EdnsVersion = "edns_version" => Pass,
    /// An EDNS option asks for what only the sockets tell: NSID or a cookie.
    EdnsOption = "edns_option" => Pass,
    /// The class is not IN.
    Class = "class" => Pass,
    /// A meta type such as AXFR, which names no data.
    MetaType = "meta_type" => Pass,
    /// The name is not in the tables, or not for this client.
    UnknownName = "unknown_name" => Pass,
    /// The zone's name servers are asked for, which only the sockets know.
    NameServers = "name_servers" => Pass,
    /// The controller has not been heard of for `stale_after`, and `when_stale` is "pass".
    Stale = "stale" => Pass,
    /// The client's network has had its answers for now (`dns.rate_limit`). Dropped.
    RateLimited = "rate_limited" => Drop,
    /// There is no room in the frame's buffer for the answer.
    NoRoom = "no_room" => Pass,
    /// The answer could not be written after the frame had been changed. Dropped.
    Write = "write" => Drop,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_count_up_from_zero() {
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index, "{}", reason.as_str());
        }
    }
}
