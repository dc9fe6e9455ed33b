//! DNS messages: header (RFC 1035 4.1.1), question, resource records, OPT (RFC 6891).

use bytemuck::{Pod, Zeroable};

use crate::checksum::{self, Sum};

/// A message's header, in words: what is added up is loaded as it is added.
#[repr(C, packed)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct Header {
    /// Identifier, flags.
    first: u32,
    /// Questions, answers.
    second: u32,
    /// Authorities, additionals.
    third: u32,
}

impl Header {
    #[inline(always)]
    pub const fn new(identifier: u16, flags: u16, counts: [u16; 4]) -> Self {
        let [questions, answers, authorities, additionals] = counts;
        Self {
            first: join(identifier, flags),
            second: join(questions, answers),
            third: join(authorities, additionals),
        }
    }

    #[inline(always)]
    pub const fn identifier(self) -> u16 {
        (u32::from_be(self.first) >> 16) as u16
    }

    #[inline(always)]
    pub const fn flags(self) -> u16 {
        u32::from_be(self.first) as u16
    }

    #[inline(always)]
    pub const fn questions(self) -> u16 {
        (u32::from_be(self.second) >> 16) as u16
    }

    #[inline(always)]
    pub const fn answers(self) -> u16 {
        u32::from_be(self.second) as u16
    }

    #[inline(always)]
    pub const fn authorities(self) -> u16 {
        (u32::from_be(self.third) >> 16) as u16
    }

    #[inline(always)]
    pub const fn additionals(self) -> u16 {
        u32::from_be(self.third) as u16
    }

    /// One question, no answers, no authorities, at most one additional.
    #[inline(always)]
    pub const fn has_plain_counts(self) -> bool {
        self.second == join(1, 0) && u32::from_be(self.third) <= 1
    }

    #[inline(always)]
    pub const fn sum(self) -> Sum {
        u32::from_le(self.first) as Sum + u32::from_le(self.second) as Sum + u32::from_le(self.third) as Sum
    }
}

/// Two numbers as a word of the wire.
#[inline(always)]
const fn join(first: u16, second: u16) -> u32 {
    ((first as u32) << 16 | second as u32).to_be()
}

/// Bits of `Header::flags`.
pub mod flags {
    /// QR: the message is a response.
    pub const RESPONSE: u16 = 0x8000;
    pub const OPCODE: u16 = 0x7800;
    /// AA: the responder is an authority for the name.
    pub const AUTHORITATIVE: u16 = 0x0400;
    pub const TRUNCATED: u16 = 0x0200;
    pub const RECURSION_DESIRED: u16 = 0x0100;
    pub const RECURSION_AVAILABLE: u16 = 0x0080;
    pub const Z: u16 = 0x0040;
    pub const AUTHENTIC_DATA: u16 = 0x0020;
    pub const CHECKING_DISABLED: u16 = 0x0010;
    pub const RCODE: u16 = 0x000f;
}

/// QTYPEs and TYPEs; unknown values stay valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(transparent)]
pub struct Type(pub [u8; 2]);

impl Type {
    pub const A: Self = Self(1_u16.to_be_bytes());
    pub const NS: Self = Self(2_u16.to_be_bytes());
    pub const SOA: Self = Self(6_u16.to_be_bytes());
    pub const TXT: Self = Self(16_u16.to_be_bytes());
    pub const AAAA: Self = Self(28_u16.to_be_bytes());
    pub const OPT: Self = Self(41_u16.to_be_bytes());
    pub const TSIG: Self = Self(250_u16.to_be_bytes());
    pub const IXFR: Self = Self(251_u16.to_be_bytes());
    pub const AXFR: Self = Self(252_u16.to_be_bytes());
    pub const ANY: Self = Self(255_u16.to_be_bytes());

    /// Whether this is a QTYPE or a meta type (RFC 6895 3.1), which names no data of its own.
    #[inline(always)]
    pub const fn is_meta(self) -> bool {
        let number = u16::from_be_bytes(self.0);
        number == 0 || number == 41 || (number >= 128 && number < 256)
    }
}

/// The class of the Internet.
pub const IN: [u8; 2] = [0, 1];

/// The class in which a server tells of itself (RFC 4892).
pub const CHAOS: [u8; 2] = [0, 3];

/// The class of records that belong to no class.
pub const ANY_CLASS: [u8; 2] = [0, 255];

/// RCODEs, with the upper eight bits of an OPT record (RFC 6895 2.3).
pub mod rcode {
    pub const NOERROR: u16 = 0;
    pub const FORMERR: u16 = 1;
    pub const SERVFAIL: u16 = 2;
    pub const NXDOMAIN: u16 = 3;
    pub const NOTIMP: u16 = 4;
    pub const REFUSED: u16 = 5;
    pub const NOTAUTH: u16 = 9;
    pub const BADVERS: u16 = 16;
    pub const BADCOOKIE: u16 = 23;
}

/// A pointer to the question's name, which begins right behind the header.
pub const QUESTION_NAME: [u8; 2] = [0xc0, 0x0c];

/// Type and class, behind the question's name.
#[repr(C, packed)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct QuestionTail(u32);

impl QuestionTail {
    #[inline(always)]
    pub const fn r#type(self) -> Type {
        Type((u32::from_le(self.0) as u16).to_le_bytes())
    }

    pub const fn class(self) -> [u8; 2] {
        ((u32::from_le(self.0) >> 16) as u16).to_le_bytes()
    }

    #[inline(always)]
    pub const fn is_in(self) -> bool {
        u32::from_be(self.0) as u16 == u16::from_be_bytes(IN)
    }
}

/// A resource record up to its data, with a compressed owner.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct RecordHead {
    pub owner: [u8; 2],
    pub r#type: Type,
    pub class: [u8; 2],
    /// Seconds.
    pub ttl: [u8; 4],
    /// Of the data, in bytes.
    pub length: [u8; 2],
}

impl RecordHead {
    /// The head of a record of the question's name.
    pub const fn of_question(r#type: Type, ttl: u32, length: u16) -> Self {
        Self { owner: QUESTION_NAME, r#type, class: IN, ttl: ttl.to_be_bytes(), length: length.to_be_bytes() }
    }
}

/// What a resource record has behind its owner, up to its data.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct RecordBody {
    pub r#type: Type,
    pub class: [u8; 2],
    pub ttl: [u8; 4],
    pub length: [u8; 2],
}

/// What a TSIG record has between its algorithm's name and its signature (RFC 8945 4.2).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct TsigTime {
    pub signed: [u8; 6],
    pub fudge: [u8; 2],
    /// Of the signature, in bytes.
    pub length: [u8; 2],
}

/// What a TSIG record has behind its signature.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct TsigEnd {
    pub identifier: [u8; 2],
    pub error: [u8; 2],
    /// Of what follows, in bytes.
    pub length: [u8; 2],
}

impl TsigEnd {
    pub const BAD_KEY: [u8; 2] = [0, 17];
}

/// An OPT record (RFC 6891 6.1.2) up to its options, in words.
#[repr(C, packed)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct Opt {
    /// The root (one zero byte), type, the largest UDP payload that the sender can receive (2 bytes), extended RCODE, version,
    /// the first byte of flags.
    first: u64,
    /// The second byte of flags.
    flags: u8,
    /// Of all options, in bytes.
    length: u16,
}

impl Opt {
    /// DO (RFC 3225), in the first byte of flags.
    pub const DNSSEC_OK: u8 = 0x80;

    /// The OPT of a reply: `size` bytes can be received, no options.
    #[inline(always)]
    pub const fn reply(size: u16, dnssec_ok: u8) -> Self {
        Self::extended(size, 0, dnssec_ok, 0)
    }

    /// The OPT of a reply with the upper eight bits of its RCODE, and that many bytes of options behind it.
    #[inline(always)]
    pub const fn extended(size: u16, rcode: u8, dnssec_ok: u8, options: u16) -> Self {
        let first = (41 << 40) | (size as u64) << 24 | (rcode as u64) << 16 | dnssec_ok as u64;
        Self { first: first.to_be(), flags: 0, length: options.to_be() }
    }

    #[inline(always)]
    pub const fn is_opt(self) -> bool {
        u64::from_be(self.first) >> 40 == 41
    }

    /// The largest UDP payload that the sender can receive, in bytes.
    #[inline(always)]
    pub const fn size(self) -> u16 {
        (u64::from_be(self.first) >> 24) as u16
    }

    #[inline(always)]
    pub const fn version(self) -> u8 {
        (u64::from_be(self.first) >> 8) as u8
    }

    /// `DNSSEC_OK` or 0.
    #[inline(always)]
    pub const fn dnssec_ok(self) -> u8 {
        u64::from_be(self.first) as u8 & Self::DNSSEC_OK
    }

    /// Of this record without options, where it starts at an even offset.
    #[inline(always)]
    pub const fn sum(self) -> Sum {
        checksum::word(u64::from_le(self.first)) + self.flags as Sum
    }

    /// Of all options, in bytes.
    #[inline(always)]
    pub const fn length(self) -> u16 {
        u16::from_be(self.length)
    }
}

/// An EDNS option up to its data.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct OptionHead {
    pub code: [u8; 2],
    pub length: [u8; 2],
}

impl OptionHead {
    /// RFC 5001.
    pub const NSID: u16 = 3;
    /// RFC 7873.
    pub const COOKIE: u16 = 10;
    /// RFC 8914.
    pub const EXTENDED_ERROR: u16 = 15;

    /// Of an option with that much data, in bytes.
    pub const fn new(code: u16, length: u16) -> Self {
        Self { code: code.to_be_bytes(), length: length.to_be_bytes() }
    }

    #[inline(always)]
    pub const fn code(self) -> u16 {
        u16::from_be_bytes(self.code)
    }

    /// Of the data, in bytes.
    #[inline(always)]
    pub const fn length(self) -> u16 {
        u16::from_be_bytes(self.length)
    }
}

/// The option that says why (RFC 8914 2), without a text.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct ExtendedError {
    pub head: OptionHead,
    pub code: [u8; 2],
}

impl ExtendedError {
    /// RFC 8914 4.4: what was so before is handed out.
    pub const STALE_ANSWER: u16 = 3;
    /// RFC 8914 4.15: it cannot be told yet, or not any more.
    pub const NOT_READY: u16 = 14;
    /// RFC 8914 4.21.
    pub const NOT_AUTHORITATIVE: u16 = 20;
    /// RFC 8914 4.23.
    pub const NO_REACHABLE_AUTHORITY: u16 = 22;

    #[inline(always)]
    pub const fn new(code: [u8; 2]) -> Self {
        Self { head: OptionHead::new(OptionHead::EXTENDED_ERROR, 2), code }
    }

    /// Where it starts at an even offset.
    #[inline(always)]
    pub const fn sum(self) -> Sum {
        checksum::pair(self.head.code) + checksum::pair(self.head.length) + checksum::pair(self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_wire() {
        assert_eq!(size_of::<Header>(), 12);
        assert_eq!(size_of::<QuestionTail>(), 4);
        assert_eq!(size_of::<RecordHead>(), 12);
        assert_eq!(size_of::<Opt>(), 11);
        assert_eq!(size_of::<OptionHead>(), 4);
    }

    #[test]
    fn meta_types_name_no_data() {
        for (number, meta) in
            [(1_u16, false), (65, false), (127, false), (249, true), (252, true), (255, true), (256, false)]
        {
            assert_eq!(Type(number.to_be_bytes()).is_meta(), meta, "type {number}");
        }
    }
}
