//! What carries a message in a frame that may be broken: where it is, and lengths and checksums made right again.

use crate::vectors::checksum;

const ETHERNET: usize = 14;
const UDP: usize = 8;
const PROTOCOL_UDP: u8 = 17;

/// Where the parts of a frame begin, as its first bytes tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The IP header.
    pub network: usize,
    /// 4 or 6.
    pub version: u8,
    /// The UDP header.
    pub transport: usize,
    /// The UDP payload.
    pub message: usize,
    /// Behind the UDP payload.
    pub end: usize,
}

impl Envelope {
    /// Nothing where there is no UDP header to be found. Lengths that make no sense end with the frame.
    pub fn find(frame: &[u8]) -> Option<Self> {
        let mut network = ETHERNET;
        while matches!(frame.get(network - 2..network)?, [0x81, 0] | [0x88, 0xa8]) {
            network += 4;
        }
        let first = *frame.get(network)?;
        let (version, header) = match frame.get(network - 2..network)? {
            [0x08, 0x00] => (4, usize::from(first & 0xf).max(5) * 4),
            [0x86, 0xdd] => (6, 40),
            _ => return None,
        };
        let transport = network + header;
        let message = transport + UDP;
        let rest = frame.len().checked_sub(message)?;
        let length = usize::from(number(frame, transport + 4));
        let end = message + length.checked_sub(UDP).unwrap_or(rest).min(rest);
        Some(Self { network, version, transport, message, end })
    }

    /// Puts another message in place of this one; lengths grow and shrink with it, checksums stay as they were.
    pub fn replace(&self, frame: &mut Vec<u8>, message: &[u8]) {
        let growth = message.len().wrapping_sub(self.end - self.message) as u16;
        frame.splice(self.message..self.end, message.iter().copied());
        let ip = self.network + if self.version == 4 { 2 } else { 4 };
        for field in [ip, self.transport + 4] {
            let length = number(frame, field).wrapping_add(growth);
            frame[field..field + 2].copy_from_slice(&length.to_be_bytes());
        }
    }
}

/// Makes the checksums right, by the lengths that the headers say. A UDP checksum of zero means that there is none,
/// and stays.
pub fn sign(frame: &mut [u8]) {
    let Some(Envelope { network, version, transport, message, end }) = Envelope::find(frame) else { return };
    let addresses = if version == 4 {
        frame[network + 10..network + 12].fill(0);
        let sum = checksum::internet(&[&frame[network..transport]]);
        frame[network + 10..network + 12].copy_from_slice(&sum.to_be_bytes());
        network + 12..network + 20
    } else {
        network + 8..network + 40
    };
    let field = transport + 6..message;
    if frame[field.clone()] == [0, 0] {
        return;
    }
    frame[field.clone()].fill(0);
    let pseudo = [0, PROTOCOL_UDP, frame[transport + 4], frame[transport + 5]];
    let sum = match checksum::internet(&[&frame[addresses], &pseudo, &frame[transport..end]]) {
        0 => 0xffff,
        sum => sum,
    };
    frame[field].copy_from_slice(&sum.to_be_bytes());
}

fn number(frame: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([frame[at], frame[at + 1]])
}

#[cfg(test)]
mod tests {
    use anyhow::Result;

    use super::*;
    use crate::vectors::{self, dissect::Datagram};

    /// Every vector that a receiver accepts is found as it is described, and signed as it was.
    #[test]
    fn well_formed_frames_are_found_and_signed_as_they_are() -> Result<()> {
        let mut found = 0;
        for vector in vectors::all()? {
            let Ok(datagram) = Datagram::parse(&vector.frame) else { continue };
            let envelope = Envelope::find(&vector.frame).expect("a datagram has an envelope");
            assert_eq!(vector.frame[envelope.message..envelope.end], datagram.message, "{}", vector.name);
            let mut signed = vector.frame.clone();
            sign(&mut signed);
            assert_eq!(signed, vector.frame, "{}", vector.name);
            found += 1;
        }
        assert!(found > 100, "only {found} vectors are well-formed");
        Ok(())
    }

    #[test]
    fn another_message_is_well_formed_too() -> Result<()> {
        for vector in vectors::all()? {
            if Datagram::parse(&vector.frame).is_err() {
                continue;
            }
            for message in
                [&b""[..], b"odd", b"a message that is longer than the one that was there before it ......"]
            {
                let mut frame = vector.frame.clone();
                Envelope::find(&frame).expect("a datagram has an envelope").replace(&mut frame, message);
                sign(&mut frame);
                assert_eq!(Datagram::parse(&frame)?.message, message, "{}", vector.name);
            }
        }
        Ok(())
    }
}
