//! Any message as far as it can be understood: what a plain query is not gets its reply by this.

use crate::{
    finding::Finding,
    packet::{Packet, TooShort},
    query::MINIMUM_SIZE,
    wire::dns::{Header, Opt, OptionHead, QuestionTail, RecordBody, TsigEnd, TsigTime, Type, flags},
};

/// The longest name in wire form, in bytes (RFC 1035 2.3.4).
const MAX_NAME: usize = 255;
const MAX_LABEL: u8 = 63;
/// The upper two bits of a label's length: a pointer to the rest of the name.
const POINTER: u8 = 0xc0;
const HEADER: usize = size_of::<Header>();

/// A message that is no response.
pub struct Request {
    pub identifier: u16,
    pub flags: u16,
    pub asked: Option<Asked>,
    pub edns: Option<Edns>,
    pub tsig: Option<Tsig>,
    /// Why it is not answered as asked; what stands before the fault was read.
    pub fault: Option<Finding>,
}

/// The question.
#[derive(Clone, Copy)]
pub struct Asked {
    pub name: Name,
    pub r#type: Type,
    pub class: [u8; 2],
}

/// A name in wire form and lower case.
#[derive(Clone, Copy)]
pub struct Name {
    bytes: [u8; MAX_NAME],
    length: usize,
}

/// What the OPT record says.
#[derive(Clone, Copy)]
pub struct Edns {
    /// The largest message that the client can receive over UDP, in bytes; at least 512.
    pub size: u16,
    /// `Opt::DNSSEC_OK` or 0.
    pub dnssec_ok: u8,
    /// Whether the server's identifier is asked for.
    pub nsid: bool,
    pub cookie: Cookie,
}

/// The COOKIE option (RFC 7873 4).
#[derive(Clone, Copy)]
pub enum Cookie {
    Absent,
    /// The client's part, and nothing of a server.
    Client([u8; 8]),
    /// With a server's part of the length that this server gives.
    Both([u8; 8], [u8; 16]),
    /// With a server's part of another length.
    Foreign([u8; 8]),
    /// Of a length that no cookie has.
    Malformed,
}

/// A TSIG record (RFC 8945 4.2).
#[derive(Clone, Copy)]
pub struct Tsig {
    pub key: Name,
    pub algorithm: Name,
    pub time: TsigTime,
}

impl Request {
    /// Reads a message that fills the packet.
    ///
    /// # Errors
    /// A finding without a reply.
    pub fn read<P: Packet>(packet: &P) -> Result<Self, Finding> {
        let header: Header = packet.get(0).map_err(|TooShort| Finding::Short)?;
        let (identifier, flags) = (header.identifier(), header.flags());
        if flags & flags::RESPONSE != 0 {
            return Err(Finding::Response);
        }
        let mut request = Self { identifier, flags, asked: None, edns: None, tsig: None, fault: None };
        request.fault = request.read_sections(packet, header).err();
        if matches!(request.fault, Some(Finding::Opt | Finding::Records)) {
            // No peer has an OPT record in the reply to a broken one.
            request.edns = None;
        }
        if request.fault != Some(Finding::Key) {
            request.tsig = None;
        }
        Ok(request)
    }

    fn read_sections<P: Packet>(&mut self, packet: &P, header: Header) -> Result<(), Finding> {
        if self.flags & flags::OPCODE != 0 {
            return Err(Finding::Opcode);
        }
        let mut at = HEADER;
        if header.questions() > 1 {
            return Err(Finding::Questions);
        } else if header.questions() == 1 {
            let asked = Asked::read(packet)?;
            at += asked.length();
            self.asked = Some(asked);
        }
        for _ in 0..u32::from(header.answers()) + u32::from(header.authorities()) {
            at = self.read_record(packet, at, false)?;
        }
        for _ in 0..header.additionals() {
            // A signature is the last record.
            if self.tsig.is_some() {
                return Err(Finding::Records);
            }
            at = self.read_record(packet, at, true)?;
        }
        // Most authorities overlook bytes behind the last record.
        if self.tsig.is_some() { Err(Finding::Key) } else { Ok(()) }
    }

    /// Reads a record, and gives where it ends.
    fn read_record<P: Packet>(
        &mut self,
        packet: &P,
        start: usize,
        is_additional: bool,
    ) -> Result<usize, Finding> {
        let at = skip_name(packet, start)?;
        let body: RecordBody = packet.get(at).map_err(|TooShort| Finding::Records)?;
        let data = at + size_of::<RecordBody>();
        let end = data + usize::from(u16::from_be_bytes(body.length));
        if end > packet.length() {
            return Err(Finding::Records);
        }
        if body.r#type == Type::OPT {
            let has_owner = at != start + 1;
            if !is_additional || has_owner || self.edns.is_some() {
                return Err(Finding::Opt);
            }
            self.read_opt(packet, start, end)?;
        } else if body.r#type == Type::TSIG && is_additional {
            self.tsig = Some(Tsig::read(packet, start, data)?);
        }
        Ok(end)
    }

    fn read_opt<P: Packet>(&mut self, packet: &P, start: usize, end: usize) -> Result<(), Finding> {
        let opt: Opt = packet.get(start).map_err(|TooShort| Finding::Opt)?;
        let edns = self.edns.insert(Edns {
            size: opt.size().max(MINIMUM_SIZE),
            dnssec_ok: opt.dnssec_ok(),
            nsid: false,
            cookie: Cookie::Absent,
        });
        if opt.version() != 0 {
            return Err(Finding::EdnsVersion);
        }
        let mut at = start + size_of::<Opt>();
        while at < end {
            let option: OptionHead = packet.get(at).map_err(|TooShort| Finding::Opt)?;
            let data = at + size_of::<OptionHead>();
            at = data + usize::from(option.length());
            if at > end {
                return Err(Finding::Opt);
            }
            match option.code() {
                OptionHead::NSID => edns.nsid = true,
                // The first one counts (RFC 7873 5.2).
                OptionHead::COOKIE if matches!(edns.cookie, Cookie::Absent) => {
                    edns.cookie = Cookie::read(packet, data, option.length());
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Asked {
    fn read<P: Packet>(packet: &P) -> Result<Self, Finding> {
        let name = Name::read(packet, HEADER).ok_or(Finding::Question)?;
        let tail: QuestionTail = packet.get(HEADER + name.length).map_err(|TooShort| Finding::Question)?;
        Ok(Self { name, r#type: tail.r#type(), class: tail.class() })
    }

    /// Of name, type and class, in bytes.
    pub fn length(&self) -> usize {
        self.name.length + size_of::<QuestionTail>()
    }
}

impl Name {
    /// A name without compression; nothing where there is none.
    fn read<P: Packet>(packet: &P, at: usize) -> Option<Self> {
        let mut name = Self { bytes: [0; MAX_NAME], length: 0 };
        // Bytes of the label that are still to come.
        let mut label = 0;
        loop {
            let byte = byte(packet, at + name.length).ok()?;
            let place = name.bytes.get_mut(name.length)?;
            *place = byte.to_ascii_lowercase();
            name.length += 1;
            if label > 0 {
                label -= 1;
            } else if byte > MAX_LABEL {
                return None;
            } else if byte == 0 {
                return Some(name);
            } else {
                label = byte;
            }
        }
    }

    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The name itself and all that it is below, but the root, with the offset at which each begins.
    pub fn suffixes(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let next = |at: &usize| {
            let label = self.bytes().get(*at)?;
            Some(at + 1 + usize::from(*label))
        };
        core::iter::successors(Some(0), next)
            .filter_map(|at| self.bytes().get(at..).map(|suffix| (at, suffix)))
            .take_while(|(_, suffix)| suffix.len() > 1)
    }
}

impl Cookie {
    fn read<P: Packet>(packet: &P, at: usize, length: u16) -> Self {
        // The option lies within the packet.
        let Ok(client) = packet.get(at) else { return Self::Malformed };
        match length {
            8 => Self::Client(client),
            24 => packet.get(at + 8).map_or(Self::Malformed, |server| Self::Both(client, server)),
            16..=40 => Self::Foreign(client),
            _ => Self::Malformed,
        }
    }

    /// The client's part.
    pub fn client(&self) -> Option<[u8; 8]> {
        match self {
            Self::Client(client) | Self::Both(client, _) | Self::Foreign(client) => Some(*client),
            Self::Absent | Self::Malformed => None,
        }
    }
}

impl Tsig {
    fn read<P: Packet>(packet: &P, owner: usize, data: usize) -> Result<Self, Finding> {
        let name = |at| Name::read(packet, at).ok_or(Finding::Records);
        let (key, algorithm) = (name(owner)?, name(data)?);
        let time = packet.get(data + algorithm.length).map_err(|TooShort| Finding::Records)?;
        Ok(Self { key, algorithm, time })
    }

    /// Of the record without a signature, in bytes.
    pub fn length(&self) -> usize {
        self.key.length + size_of::<RecordBody>() + self.data_length()
    }

    /// Of its data, in bytes.
    pub fn data_length(&self) -> usize {
        self.algorithm.length + size_of::<TsigTime>() + size_of::<TsigEnd>()
    }
}

fn byte<P: Packet>(packet: &P, at: usize) -> Result<u8, TooShort> {
    packet.get::<[u8; 1]>(at).map(|[byte]| byte)
}

/// Where a record's owner ends, which may be compressed.
fn skip_name<P: Packet>(packet: &P, mut at: usize) -> Result<usize, Finding> {
    loop {
        let length = byte(packet, at).map_err(|TooShort| Finding::Records)?;
        at += 1;
        match length {
            0 => return Ok(at),
            1..=MAX_LABEL => at += usize::from(length),
            POINTER.. => return Ok(at + 1),
            _ => return Err(Finding::Records),
        }
    }
}
