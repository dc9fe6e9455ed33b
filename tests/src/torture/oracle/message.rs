//! A DNS message read to the point where it makes no sense any more, queries and replies alike.
//!
//! It shares nothing with the responder's own reading.

const HEADER: usize = 12;
const LONGEST_NAME: usize = 255;

pub(super) const OPT: u16 = 41;
pub(super) const TSIG: u16 = 250;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) identifier: u16,
    pub(super) flags: u16,
    /// Questions, answers, authorities, additionals, as the header has them.
    pub(super) counts: [u16; 4],
    pub(super) questions: Vec<Question>,
    /// As far as they can be read.
    pub(super) records: Vec<Record>,
    pub(super) fault: Option<Fault>,
    /// Bytes behind the last record, where there is no fault.
    pub(super) trailing: usize,
}

/// What can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Header,
    Question,
    Record,
    /// The owner of a record is a pointer that leads forward, or to what is no name.
    Pointer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// As it came.
    pub(super) name: Vec<u8>,
    pub(super) is_compressed: bool,
    pub(super) r#type: u16,
    pub(super) class: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Record {
    /// 1 answer, 2 authority, 3 additional.
    pub(super) section: usize,
    /// In lower case.
    pub(super) owner: Vec<u8>,
    pub(super) r#type: u16,
    pub(super) class: u16,
    pub(super) ttl: u32,
    /// Names in it in lower case and whole, where the type is one of RFC 1035.
    pub(super) data: Vec<u8>,
}

impl Message {
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut message = Self::default();
        message.fault = message.read_all(bytes).err();
        message
    }

    fn read_all(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let header = bytes.get(..HEADER).ok_or(Fault::Header)?;
        let field = |index: usize| u16::from_be_bytes([header[2 * index], header[2 * index + 1]]);
        (self.identifier, self.flags) = (field(0), field(1));
        self.counts = [field(2), field(3), field(4), field(5)];
        let mut at = HEADER;
        for _ in 0..self.counts[0] {
            let (name, end) = name(bytes, at).map_err(|_| Fault::Question)?;
            let is_compressed = end - at != name.len();
            let (r#type, class) = number(bytes, end).zip(number(bytes, end + 2)).ok_or(Fault::Question)?;
            self.questions.push(Question { name, is_compressed, r#type, class });
            at = end + 4;
        }
        for section in 1..4 {
            for _ in 0..self.counts[section] {
                let (record, end) = record(bytes, at, section)?;
                self.records.push(record);
                at = end;
            }
        }
        self.trailing = bytes.len() - at;
        Ok(())
    }

    pub(super) fn opcode(&self) -> u16 {
        self.flags >> 11 & 15
    }

    /// Twelve bits.
    pub(super) fn rcode(&self) -> u16 {
        let extended = self.opt().map_or(0, |opt| (opt.ttl >> 24) as u16);
        extended << 4 | self.flags & 15
    }

    pub(super) fn question(&self) -> Option<&Question> {
        self.questions.first()
    }

    pub(super) fn opt(&self) -> Option<&Record> {
        self.opts().next()
    }

    /// The OPT records where they belong.
    pub(super) fn opts(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(|record| record.section == 3 && record.r#type == OPT)
    }

    /// A section's records but OPT, in an order of their own.
    pub(super) fn section(&self, section: usize) -> Vec<&Record> {
        let mut records: Vec<_> =
            self.records.iter().filter(|record| record.section == section && record.r#type != OPT).collect();
        records.sort();
        records
    }
}

impl Record {
    /// Of an OPT record: code and data of each; nothing where they do not fill it.
    pub(super) fn options(&self) -> Option<Vec<(u16, &[u8])>> {
        let mut options = Vec::new();
        let mut rest = &self.data[..];
        while !rest.is_empty() {
            let (code, length) = (number(rest, 0)?, number(rest, 2)?);
            let end = 4 + usize::from(length);
            options.push((code, rest.get(4..end)?));
            rest = &rest[end..];
        }
        Some(options)
    }

    /// Of an OPT record.
    pub(super) fn edns_version(&self) -> u8 {
        (self.ttl >> 16) as u8
    }
}

fn record(bytes: &[u8], start: usize, section: usize) -> Result<(Record, usize), Fault> {
    let (owner, at) = name(bytes, start)?;
    let field = |offset| number(bytes, at + offset).ok_or(Fault::Record);
    let (r#type, class, length) = (field(0)?, field(2)?, field(8)?);
    let ttl = u32::from(field(4)?) << 16 | u32::from(field(6)?);
    let data = at + 10;
    let end = data + usize::from(length);
    let raw = bytes.get(data..end).ok_or(Fault::Record)?;
    let data = canonical(bytes, r#type, data, end).unwrap_or_else(|| raw.to_vec());
    Ok((Record { section, owner: owner.to_ascii_lowercase(), r#type, class, ttl, data }, end))
}

/// Data that is a name or two, and numbers behind.
fn canonical(bytes: &[u8], r#type: u16, start: usize, end: usize) -> Option<Vec<u8>> {
    let names = match r#type {
        2 | 5 | 12 => 1,
        6 => 2,
        _ => return None,
    };
    let (mut data, mut at) = (Vec::new(), start);
    for _ in 0..names {
        let (part, next) = name(bytes, at).ok()?;
        data.extend(part.to_ascii_lowercase());
        at = next;
    }
    data.extend(bytes.get(at..end)?);
    Some(data)
}

/// A whole name, and where what stands for it ends.
fn name(bytes: &[u8], start: usize) -> Result<(Vec<u8>, usize), Fault> {
    let mut end = None;
    // What is at fault behind a pointer is the pointer's fault.
    read_name(bytes, start, &mut end).map_err(|()| if end.is_some() { Fault::Pointer } else { Fault::Record })
}

fn read_name(bytes: &[u8], start: usize, end: &mut Option<usize>) -> Result<(Vec<u8>, usize), ()> {
    let (mut name, mut at, mut limit) = (Vec::new(), start, start);
    loop {
        let length = *bytes.get(at).ok_or(())?;
        match length {
            0 => {
                name.push(0);
                let whole = (name, end.unwrap_or(at + 1));
                return if whole.0.len() <= LONGEST_NAME { Ok(whole) } else { Err(()) };
            }
            1..64 => {
                name.extend(bytes.get(at..=at + usize::from(length)).ok_or(())?);
                at += 1 + usize::from(length);
            }
            0xc0.. => {
                *end = end.or(Some(at + 2));
                let target = usize::from(number(bytes, at).ok_or(())? & 0x3fff);
                // Pointers lead back, or they might go round.
                if target >= limit {
                    return Err(());
                }
                (at, limit) = (target, target);
            }
            _ => return Err(()),
        }
        if name.len() > LONGEST_NAME {
            return Err(());
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}
