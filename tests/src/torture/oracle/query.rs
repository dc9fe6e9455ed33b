//! Queries, plain ones with oddities: each by a random source of its own.

use fastrand::Rng;

use super::message::{OPT, TSIG};
use crate::torture::mutate;

/// The identifier that no generated query has.
pub(super) const SENTINEL: u16 = 0x5e5e;

const ZONE: &str = "internet.intern.netz";
const EXISTING: [&str; 8] = [
    ZONE,
    ZONE,
    ZONE,
    "six.intern.netz",
    "server-1.internet.intern.netz",
    "server-2.internet.intern.netz",
    "deep.empty.internet.intern.netz",
    "empty.internet.intern.netz",
];
const MISSING: [&str; 7] = [
    "www.internet.intern.netz",
    "a.b.c.internet.intern.netz",
    "*.internet.intern.netz",
    "x.server-1.internet.intern.netz",
    "hostmaster.internet.intern.netz",
    "x.empty.internet.intern.netz",
    "x.deep.empty.internet.intern.netz",
];
const FOREIGN: [&str; 8] = [
    "",
    "netz",
    "intern.netz",
    "example.com",
    "internet.intern.net",
    "xinternet.intern.netz",
    "x",
    "www.six.intern.netzz",
];
const SERVERS: [&str; 6] =
    ["version.bind", "version.server", "hostname.bind", "id.server", "authors.bind", "bind"];

/// A, AAAA, SOA, NS and ANY more often than others.
const TYPES: [u16; 36] = [
    1, 1, 1, 28, 28, 6, 6, 2, 2, 255, 0, 5, 12, 15, 16, 33, 35, 39, 41, 43, 46, 47, 48, 50, 64, 65, 99, 128,
    249, 250, 251, 252, 253, 254, 257, 65535,
];
const CLASSES: [u16; 8] = [0, 2, 3, 3, 4, 254, 255, 65280];

/// The query of that number.
pub(super) fn query(seed: u64, number: u64) -> Vec<u8> {
    let mut random = Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut draft = Draft::plain(&mut random);
    // Half of them are plain.
    while random.bool() {
        draft.add_oddity(&mut random);
    }
    let mut bytes = draft.into_bytes();
    if random.u8(..24) == 0 {
        mutate::bytes(&mut bytes, &mut random);
    }
    if bytes.starts_with(&SENTINEL.to_be_bytes()) {
        bytes[0] ^= 1;
    }
    bytes
}

/// The query whose answer shows that no other one is to come.
pub(super) fn sentinel() -> Vec<u8> {
    let mut draft = Draft { identifier: SENTINEL, ..Draft::default() };
    draft.questions.push([name(ZONE), vec![0, 6, 0, 1]].concat());
    draft.into_bytes()
}

#[derive(Default)]
struct Draft {
    identifier: u16,
    flags: u16,
    questions: Vec<Vec<u8>>,
    /// Answers, authorities, additionals.
    records: [Vec<Vec<u8>>; 3],
    /// In place of what there is.
    counts: [Option<u16>; 4],
    trailer: Vec<u8>,
    cut: Option<usize>,
}

impl Draft {
    fn plain(random: &mut Rng) -> Self {
        let flags = pick(&[0x0100, 0x0100, 0, 0x0120, 0x0110], random);
        let mut draft = Self { identifier: random.u16(..), flags, ..Self::default() };
        draft.questions.push(question(random));
        if random.bool() {
            draft.records[2].push(opt(random));
        }
        draft
    }

    fn add_oddity(&mut self, random: &mut Rng) {
        match random.u8(..20) {
            0 => self.flags ^= 1 << random.u8(..15),
            1 => self.flags ^= u16::from(random.u8(..16)) << 11,
            2 => self.flags ^= pick(&[0x40, 0x80, 0x200, 0x400, 0x10, 0x20, 0x01, 0x05], random),
            3 => self.counts[random.usize(..4)] = Some(random.u16(..4)),
            4 => self.questions.push(question(random)),
            5 => self.questions.clear(),
            6 => self.records[0].push(record(random)),
            7 => self.records[1].push(record(random)),
            8 => self.records[2].push(record(random)),
            9 => self.records[2].insert(0, record(random)),
            10..=13 => self.records[2].push(opt(random)),
            14 => self.records[2].push(tsig(self.identifier, random)),
            15 => self.records[random.usize(..2)].push(opt(random)),
            16 => self.trailer.extend((0..random.usize(1..30)).map(|_| random.u8(..))),
            17 => self.cut = Some(random.usize(..80)),
            18 => self.change_question(|question| odd_name(question, random)),
            _ => self.change_question(|question| {
                let class = question.len() - 2;
                question[class..].copy_from_slice(&pick(&CLASSES, random).to_be_bytes());
            }),
        }
    }

    fn change_question(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(question) = self.questions.first_mut() {
            change(question);
        }
    }

    fn into_bytes(self) -> Vec<u8> {
        let mut bytes = [self.identifier.to_be_bytes(), self.flags.to_be_bytes()].concat();
        let [answers, authorities, additionals] = &self.records;
        let lengths = [self.questions.len(), answers.len(), authorities.len(), additionals.len()];
        for (count, length) in self.counts.iter().zip(lengths) {
            bytes.extend(count.unwrap_or(length as u16).to_be_bytes());
        }
        for part in self.questions.iter().chain(self.records.iter().flatten()) {
            bytes.extend(part);
        }
        bytes.extend(self.trailer);
        bytes.truncate(self.cut.unwrap_or(bytes.len()));
        bytes
    }
}

fn question(random: &mut Rng) -> Vec<u8> {
    let (names, class): (&[&str], u16) = match random.u8(..20) {
        0..=11 => (&EXISTING, 1),
        12..=15 => (&MISSING, 1),
        16 | 17 => (&FOREIGN, 1),
        _ => (&SERVERS, 3),
    };
    let mut question = name(pick(names, random));
    if random.u8(..3) == 0 {
        for byte in &mut question {
            if byte.is_ascii_alphabetic() && random.bool() {
                *byte ^= 0x20;
            }
        }
    }
    let usual = if class == 3 { 16 } else { 1 };
    let r#type = if class == 3 && random.bool() { usual } else { pick(&TYPES, random) };
    let r#type = if random.u8(..30) == 0 { random.u16(..) } else { r#type };
    question.extend(r#type.to_be_bytes());
    question.extend(class.to_be_bytes());
    question
}

/// Names that are none, or nearly.
fn odd_name(question: &mut Vec<u8>, random: &mut Rng) {
    let tail = question.split_off(question.len() - 4);
    let label = |length: usize| [vec![length as u8], vec![b'a'; length]].concat();
    match random.u8(..11) {
        // As long as may be, and one more; below the zone and not.
        kind @ 0..=3 => {
            let end = if kind < 2 { name(ZONE) } else { name("example.com") };
            let mut longest = end;
            let goal = 255 + usize::from(kind & 1);
            while longest.len() < goal {
                let length = (goal - longest.len() - 1).min(63);
                // A label of no letters would be the root.
                let length = if goal - longest.len() - 1 - length == 1 { length - 1 } else { length };
                longest.splice(0..0, label(length));
            }
            *question = longest;
        }
        4 => drop(question.splice(0..0, label(63))),
        5 => drop(question.splice(0..0, label(64))),
        6 => drop(question.splice(0..0, [3, 0, 0xff, b'.'])),
        7 => *question = [vec![0xc0, pick(&[0, 4, 12, 14, 18, 30], random)]].concat(),
        8 => *question = [label(3), vec![0xc0, pick(&[0, 4, 12, 13, 30], random)]].concat(),
        9 => drop(question.splice(0..0, [pick(&[0x41, 0x80, 0xbf], random), 1, b'x'])),
        _ => question.truncate(random.usize(..question.len())),
    }
    question.extend(tail);
}

fn record(random: &mut Rng) -> Vec<u8> {
    let mut record = match random.u8(..4) {
        0 => vec![0],
        1 => name("x.example"),
        _ => vec![0xc0, 12],
    };
    let (r#type, data): (u16, Vec<u8>) = match random.u8(..5) {
        0 => (1, vec![192, 0, 2, 7]),
        1 => (16, b"\x03abc".to_vec()),
        2 => (6, [&[0xc0, 12, 0xc0, 12][..], &[0; 20]].concat()),
        3 => (pick(&TYPES, random), vec![]),
        _ => (random.u16(..), (0..random.usize(..12)).map(|_| random.u8(..)).collect()),
    };
    record.extend(r#type.to_be_bytes());
    record.extend([0, 1, 0, 0, 0, 60]);
    record.extend(length(data.len(), random));
    record.extend(data);
    record
}

fn opt(random: &mut Rng) -> Vec<u8> {
    let mut record = match random.u8(..32) {
        0 => vec![0xc0, 12],
        1 => name("x"),
        _ => vec![0],
    };
    record.extend(OPT.to_be_bytes());
    record.extend(u16::to_be_bytes(pick(&[1232, 1232, 4096, 512, 0, 511, 513, 1231, 65535], random)));
    let rcode = if random.u8(..20) == 0 { random.u8(..) } else { 0 };
    let version = if random.u8(..10) == 0 { pick(&[1, 2, 255], random) } else { 0 };
    let flags = pick(&[0, 0, 0x8000, 0x8000, 0x4000, 0xffff], random);
    record.extend([rcode, version]);
    record.extend(u16::to_be_bytes(flags));
    let mut options = Vec::new();
    while random.u8(..3) == 0 {
        options.extend(option(random));
    }
    record.extend(length(options.len(), random));
    record.extend(options);
    record
}

fn option(random: &mut Rng) -> Vec<u8> {
    let (code, data): (u16, Vec<u8>) = match random.u8(..12) {
        0..=2 => (3, if random.u8(..4) == 0 { vec![1, 2] } else { vec![] }),
        3..=5 => (10, vec![0x5a; pick(&[8, 8, 24, 16, 40, 0, 7, 9, 15, 41], random)]),
        6 => (8, vec![0, 1, pick(&[0, 24, 32, 33], random), pick(&[0, 8], random), 192, 0, 2]),
        7 => (9, vec![]),
        8 => (11, if random.bool() { vec![] } else { vec![0, 100] }),
        9 => (12, vec![0; random.usize(..20)]),
        10 => (15, vec![0, 1]),
        _ => (random.u16(..), (0..random.usize(..12)).map(|_| random.u8(..)).collect()),
    };
    let mut option = code.to_be_bytes().to_vec();
    option.extend(length(data.len(), random));
    option.extend(data);
    option
}

fn tsig(identifier: u16, random: &mut Rng) -> Vec<u8> {
    let mut data = name(pick(&["hmac-sha256", "hmac-md5.sig-alg.reg.int", "nothing"], random));
    data.extend([0, 0, 0x65, 0, 0, 0, 1, 44]);
    let signature = random.usize(..40);
    data.extend((signature as u16).to_be_bytes());
    data.extend(vec![0x77; signature]);
    data.extend(if random.u8(..8) == 0 { [0; 2] } else { identifier.to_be_bytes() });
    data.extend([0; 4]);
    if random.u8(..6) == 0 {
        data.truncate(random.usize(..data.len()));
    }
    let mut record = name(pick(&["key", "another.key.example", ""], random));
    record.extend(TSIG.to_be_bytes());
    record.extend([0, 255, 0, 0, 0, 0]);
    record.extend(length(data.len(), random));
    record.extend(data);
    record
}

/// A length field, now and then another one.
fn length(right: usize, random: &mut Rng) -> [u8; 2] {
    let right = right as u16;
    let said = match random.u8(..48) {
        0 => right + 1,
        1 => right.saturating_sub(1),
        2 => random.u16(..),
        _ => right,
    };
    said.to_be_bytes()
}

/// In wire form.
pub(super) fn name(text: &str) -> Vec<u8> {
    let labels = text.split('.').filter(|label| !label.is_empty());
    let mut name: Vec<u8> =
        labels.flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
    name.push(0);
    name
}

fn pick<T: Copy>(values: &[T], random: &mut Rng) -> T {
    values[random.usize(..values.len())]
}
