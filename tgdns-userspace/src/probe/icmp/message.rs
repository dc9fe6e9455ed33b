//! Echo requests and replies, RFC 792 and RFC 4443 4.

/// One echo request, and what its reply must say.
pub(super) struct Echo {
    is_ipv6: bool,
    /// On a raw socket replies come with their IPv4 header, and the identifier is ours to choose; on a ping socket the
    /// kernel sets it and hands over the replies to it alone.
    is_raw: bool,
    identifier: [u8; 2],
    /// Nobody can know it who has not seen the request.
    secret: [u8; 16],
}

const HEADER: usize = 8;

impl Echo {
    pub(super) fn new(is_ipv6: bool, is_raw: bool) -> Self {
        let mut secret = [0; 16];
        fastrand::fill(&mut secret);
        Self { is_ipv6, is_raw, identifier: fastrand::u16(..).to_be_bytes(), secret }
    }

    pub(super) fn request(&self) -> [u8; HEADER + 16] {
        let mut message = [0; HEADER + 16];
        message[0] = if self.is_ipv6 { 128 } else { 8 };
        message[4..6].copy_from_slice(&self.identifier);
        // The sequence number: there is one request.
        message[7] = 1;
        message[HEADER..].copy_from_slice(&self.secret);
        // The kernel writes that of ICMPv6, which covers addresses.
        if !self.is_ipv6 {
            let checksum = checksum(&message);
            message[2..4].copy_from_slice(&checksum);
        }
        message
    }

    pub(super) fn is_answered_by(&self, received: &[u8]) -> bool {
        let message = match received.first() {
            Some(version_and_length) if self.is_raw && !self.is_ipv6 => {
                received.get(usize::from(version_and_length & 0xf) * 4..)
            }
            _ => Some(received),
        };
        let Some((header, payload)) = message.and_then(<[u8]>::split_first_chunk::<HEADER>) else {
            return false;
        };
        let reply = if self.is_ipv6 { 129 } else { 0 };
        header[..2] == [reply, 0]
            && (!self.is_raw || header[4..6] == self.identifier)
            && header[6..] == [0, 1]
            && payload == self.secret
    }
}

/// RFC 1071.
fn checksum(message: &[u8]) -> [u8; 2] {
    let words = message.chunks(2).map(|pair| match *pair {
        [high, low] => u16::from_be_bytes([high, low]),
        [high] => u16::from_be_bytes([high, 0]),
        _ => 0,
    });
    let mut sum: u32 = words.map(u32::from).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let [_, _, high, low] = (!sum).to_be_bytes();
    [high, low]
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
    fn checksums() {
        let echo = Echo { is_ipv6: false, is_raw: true, identifier: [0x12, 0x34], secret: [0xff; 16] };
        // The sum over a message with its checksum is all ones.
        assert_eq!(checksum(&echo.request()), [0, 0]);
        assert_eq!(checksum(&[8, 0, 0, 0, 0x12, 0x34, 0, 1, 0xff]), [0xe6, 0xc9]);
    }
}
