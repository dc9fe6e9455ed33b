//! Echo requests and replies, RFC 792 and RFC 4443 4.

use etherparse::{
    IcmpEchoHeader, Icmpv4Header, Icmpv4Slice, Icmpv4Type, Icmpv6Header, Icmpv6Slice, Icmpv6Type,
    Ipv4HeaderSlice,
};

/// One echo request, and what its reply must say.
pub(super) struct Echo {
    is_ipv6: bool,
    /// On a raw socket replies come with their IPv4 header, and the identifier is ours to choose; on a ping socket the
    /// kernel sets it and hands over the replies to it alone.
    is_raw: bool,
    header: IcmpEchoHeader,
    /// Nobody can know it who has not seen the request.
    secret: [u8; 16],
}

impl Echo {
    pub(super) fn new(is_ipv6: bool, is_raw: bool) -> Self {
        let mut secret = [0; 16];
        fastrand::fill(&mut secret);
        // There is one request.
        Self { is_ipv6, is_raw, header: IcmpEchoHeader { id: fastrand::u16(..), seq: 1 }, secret }
    }

    pub(super) fn request(&self) -> Vec<u8> {
        if self.is_ipv6 {
            // The kernel writes its checksum, which covers addresses.
            let header = Icmpv6Header::new(Icmpv6Type::EchoRequest(self.header));
            [&header.to_bytes()[..], &self.secret].concat()
        } else {
            let header = Icmpv4Header::with_checksum(Icmpv4Type::EchoRequest(self.header), &self.secret);
            [&header.to_bytes()[..], &self.secret].concat()
        }
    }

    pub(super) fn is_answered_by(&self, received: &[u8]) -> bool {
        self.reply(received).is_some_and(|(header, payload)| {
            header.seq == self.header.seq
                && (!self.is_raw || header.id == self.header.id)
                && payload == self.secret
        })
    }

    /// The header and payload of an echo reply; `None` for whatever else was received.
    fn reply<'a>(&self, received: &'a [u8]) -> Option<(IcmpEchoHeader, &'a [u8])> {
        if self.is_ipv6 {
            let message = Icmpv6Slice::from_slice(received).ok()?;
            let Icmpv6Type::EchoReply(header) = message.icmp_type() else { return None };
            return Some((header, message.payload()));
        }
        let message = if self.is_raw {
            received.get(Ipv4HeaderSlice::from_slice(received).ok()?.slice().len()..)?
        } else {
            received
        };
        let message = Icmpv4Slice::from_slice(message).ok()?;
        let Icmpv4Type::EchoReply(header) = message.icmp_type() else { return None };
        Some((header, message.payload()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_requests_own_reply_answers_it() {
        for (is_ipv6, is_raw) in [(false, false), (false, true), (true, false), (true, true)] {
            let echo = Echo::new(is_ipv6, is_raw);
            let mut reply = echo.request().to_vec();
            assert!(!echo.is_answered_by(&reply), "the request itself");
            reply[0] = if is_ipv6 { 129 } else { 0 };
            let header = if is_raw && !is_ipv6 { vec![0x46; 24] } else { Vec::new() };
            let is_answered_by = |message: &[u8]| echo.is_answered_by(&[&header, message].concat());
            assert!(is_answered_by(&reply), "IPv6 {is_ipv6}, raw {is_raw}");
            for (offset, what) in
                [(0, "type"), (1, "code"), (6, "sequence"), (7, "sequence"), (20, "payload")]
            {
                let mut other = reply.clone();
                other[offset] ^= 1;
                assert!(!is_answered_by(&other), "another {what}");
            }
            let mut other = reply.clone();
            other[4] ^= 1;
            assert_eq!(is_answered_by(&other), !is_raw, "another identifier");
            assert!(!is_answered_by(&[&reply[..], b"more"].concat()), "more payload");
            for length in 0..reply.len() {
                assert!(!is_answered_by(&reply[..length]), "{length} bytes");
            }
        }
        assert!(!Echo::new(false, true).is_answered_by(&[0x4f]), "a header that is cut off");
    }

    #[test]
    fn requests() {
        let header = IcmpEchoHeader { id: 0x1234, seq: 1 };
        for (is_ipv6, start) in
            [(false, [8, 0, 0xe5, 0xca, 0x12, 0x34, 0, 1]), (true, [128, 0, 0, 0, 0x12, 0x34, 0, 1])]
        {
            let echo = Echo { is_ipv6, is_raw: true, header, secret: [0xff; 16] };
            assert_eq!(echo.request(), [&start[..], &[0xff; 16]].concat());
        }
    }
}
