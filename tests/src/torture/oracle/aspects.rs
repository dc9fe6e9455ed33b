//! In what two replies differ.

use std::fmt;

use super::message::{Message, Record};

/// A set of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Aspects(u32);

macro_rules! aspects {
    ($($name:ident = $bit:literal $word:literal,)+) => {
        impl Aspects {
            $(pub(super) const $name: Self = Self(1 << $bit);)+
            const WORDS: &'static [(Self, &'static str)] = &[$((Self::$name, $word),)+];
        }
    };
}

aspects! {
    SILENCE = 0 "silence",
    RCODE = 1 "RCODE",
    AA = 2 "AA",
    TC = 3 "TC",
    RD = 4 "RD",
    CD = 5 "CD",
    BITS = 6 "QR, opcode, RA, Z or AD",
    QUESTION = 7 "question",
    ANSWER = 8 "answer section",
    AUTHORITY = 9 "authority section",
    ADDITIONAL = 10 "additional section",
    EDNS = 11 "presence of OPT, size or version",
    DO = 12 "DO",
    OPTIONS = 13 "EDNS options",
}

impl Aspects {
    pub(super) const NONE: Self = Self(0);
    pub(super) const ALL: Self = Self(u32::MAX);
    /// What tells an error from an answer.
    pub(super) const REPLY: Self = Self(Self::ALL.0 & !Self::SILENCE.0);

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// In what these two differ; nothing is silence.
    pub(super) fn of(ours: Option<&Message>, theirs: Option<&Message>) -> Self {
        let (ours, theirs) = match (ours, theirs) {
            (Some(ours), Some(theirs)) => (ours, theirs),
            (None, None) => return Self::NONE,
            _ => return Self::SILENCE,
        };
        let flags = ours.flags ^ theirs.flags;
        let opt =
            |message: &Message| message.opt().map(|opt| (opt.class, opt.edns_version(), opt.ttl & 0x7fff));
        let dnssec = |message: &Message| message.opt().is_some_and(|opt| opt.ttl & 0x8000 != 0);
        let options = |message: &Message| message.opt().map(options).unwrap_or_default();
        let section = |index| content(ours.section(index)) != content(theirs.section(index));
        [
            (Self::RCODE, ours.rcode() != theirs.rcode()),
            (Self::AA, flags & 0x0400 != 0),
            (Self::TC, flags & 0x0200 != 0),
            (Self::RD, flags & 0x0100 != 0),
            (Self::CD, flags & 0x0010 != 0),
            (Self::BITS, flags & 0xf8e0 != 0),
            (Self::QUESTION, ours.questions != theirs.questions),
            (Self::ANSWER, section(1)),
            (Self::AUTHORITY, section(2)),
            (Self::ADDITIONAL, section(3)),
            (Self::EDNS, opt(ours) != opt(theirs)),
            (Self::DO, dnssec(ours) != dnssec(theirs)),
            (Self::OPTIONS, options(ours) != options(theirs)),
        ]
        .into_iter()
        .filter(|(_, differs)| *differs)
        .fold(Self::NONE, |all, (aspect, _)| all.and(aspect))
    }
}

impl fmt::Display for Aspects {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = Self::WORDS.iter().filter(|(aspect, _)| !self.both(*aspect).is_none());
        let words: Vec<_> = words.map(|(_, word)| *word).collect();
        formatter.write_str(&words.join(", "))
    }
}

type Content<'m> = (&'m [u8], u16, u16, u32, &'m [u8]);

fn content(records: Vec<&Record>) -> Vec<Content<'_>> {
    let content = |record: &'_ Record| (record.r#type, record.class, record.ttl);
    let all = records.into_iter().map(|record| {
        let (r#type, class, ttl) = content(record);
        (&record.owner[..], r#type, class, ttl, &record.data[..])
    });
    let mut all: Vec<Content<'_>> = all.collect();
    all.sort_unstable();
    all
}

/// In an order of their own; an extra text for people is not compared.
fn options(opt: &Record) -> Vec<(u16, Vec<u8>)> {
    const EXTENDED_ERROR: u16 = 15;
    let options = opt.options().unwrap_or_else(|| vec![(0, &opt.data)]);
    let bare = |(code, data): (u16, &[u8])| {
        let length = if code == EXTENDED_ERROR { data.len().min(2) } else { data.len() };
        (code, data[..length].to_vec())
    };
    let mut options: Vec<_> = options.into_iter().map(bare).collect();
    options.sort();
    options
}
