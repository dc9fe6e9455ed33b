//! The reply to any message, written over it: the question stays where it was.

use crate::{
    authority::{Judgement, Options, Sections},
    counter::Kind,
    packet::Packet,
    query::OWN_SIZE,
    reason::Reason,
    reply,
    request::{Request, Tsig},
    tables::{NEGATIVE_BYTES, Negative},
    wire::dns::{
        ANY_CLASS, CHAOS, Header, Opt, OptionHead, QUESTION_NAME, RecordBody, RecordHead, TsigEnd, TsigTime,
        Type, flags,
    },
};

const HEADER: usize = size_of::<Header>();

/// Writes the reply of an RCODE.
///
/// # Errors
/// `NoRoom`, with the message as it was, or `Write`.
pub fn write<P: Packet>(
    packet: &mut P,
    request: &Request,
    judgement: &Judgement<'_>,
    rcode: u16,
) -> Result<(), Reason> {
    packet.resize(judgement.length)?;
    packet.put(0, header(request, judgement, rcode))?;
    let at = HEADER + request.asked.as_ref().map_or(0, |asked| asked.length());
    let mut at = write_sections(packet, at, &judgement.sections)?;
    if let Some(edns) = &request.edns {
        let length = judgement.options.length() as u16;
        packet.put(at, Opt::extended(OWN_SIZE, (rcode >> 4) as u8, edns.dnssec_ok, length))?;
        at += size_of::<Opt>();
        at = write_options(packet, at, &judgement.options)?;
    }
    if let Some(tsig) = &request.tsig {
        write_tsig(packet, at, request, tsig)?;
    }
    Ok(())
}

/// Opcode, RD and CD are copied (RFC 1035 4.1.1, RFC 4035 3.1.6).
fn header(request: &Request, judgement: &Judgement<'_>, rcode: u16) -> Header {
    let copied = request.flags & (flags::OPCODE | flags::RECURSION_DESIRED | flags::CHECKING_DISABLED);
    let authoritative = if judgement.finding.is_authoritative() { flags::AUTHORITATIVE } else { 0 };
    let truncated = if judgement.truncated { flags::TRUNCATED } else { 0 };
    let flags = flags::RESPONSE | copied | authoritative | truncated | rcode & flags::RCODE;
    let (answers, authorities, additionals) = match &judgement.sections {
        Sections::Nothing => (0, 0, 0),
        Sections::Answer(answer) if answer.kind == Kind::NO_DATA => (0, answer.count as u16, 0),
        Sections::Answer(answer) => (answer.count as u16, 0, 0),
        Sections::NoName(..) => (0, 1, 0),
        Sections::NameServers(servers) => (servers.record_count, 0, servers.glue_count),
        Sections::Text(_) => (1, 0, 0),
    };
    let questions = u16::from(request.asked.is_some());
    let additionals = additionals + u16::from(request.edns.is_some()) + u16::from(request.tsig.is_some());
    Header::new(request.identifier, flags, [questions, answers, authorities, additionals])
}

/// Gives where the records end.
fn write_sections<P: Packet>(packet: &mut P, at: usize, sections: &Sections<'_>) -> Result<usize, Reason> {
    match sections {
        Sections::Nothing => Ok(at),
        Sections::Answer(answer) => {
            reply::write_records(packet, at, answer)?;
            Ok(at + answer.records_length)
        }
        Sections::NoName(soa, offset) => {
            write_bytes(packet, at, relocated(soa, *offset).get(..soa.length.into()))
        }
        Sections::NameServers(servers) => {
            let at = write_bytes(packet, at, Some(servers.records))?;
            write_bytes(packet, at, Some(servers.glue))
        }
        Sections::Text(text) => {
            let length = text.len() as u8;
            let head = RecordHead {
                owner: QUESTION_NAME,
                r#type: Type::TXT,
                class: CHAOS,
                ttl: [0; 4],
                length: (u16::from(length) + 1).to_be_bytes(),
            };
            packet.put(at, head)?;
            packet.put(at + size_of::<RecordHead>(), [length])?;
            write_bytes(packet, at + size_of::<RecordHead>() + 1, Some(text))
        }
    }
}

/// Gives where the options end.
fn write_options<P: Packet>(packet: &mut P, mut at: usize, options: &Options<'_>) -> Result<usize, Reason> {
    if !options.identity.is_empty() {
        at = write_option(packet, at, OptionHead::NSID, &[options.identity])?;
    }
    if let Some((client, server)) = &options.cookie {
        at = write_option(packet, at, OptionHead::COOKIE, &[client, server])?;
    }
    if let Some(code) = options.extended_error {
        at = write_option(packet, at, OptionHead::EXTENDED_ERROR, &[&code.to_be_bytes()])?;
    }
    Ok(at)
}

fn write_option<P: Packet>(packet: &mut P, at: usize, code: u16, parts: &[&[u8]]) -> Result<usize, Reason> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    packet.put(at, OptionHead::new(code, length as u16))?;
    let start = at + size_of::<OptionHead>();
    parts.iter().try_fold(start, |at, part| write_bytes(packet, at, Some(part)))
}

/// The record that says that the key is not known, without a signature (RFC 8945 5.2.1).
fn write_tsig<P: Packet>(packet: &mut P, at: usize, request: &Request, tsig: &Tsig) -> Result<(), Reason> {
    let at = write_bytes(packet, at, Some(tsig.key.bytes()))?;
    let length = (tsig.data_length() as u16).to_be_bytes();
    packet.put(at, RecordBody { r#type: Type::TSIG, class: ANY_CLASS, ttl: [0; 4], length })?;
    let at = write_bytes(packet, at + size_of::<RecordBody>(), Some(tsig.algorithm.bytes()))?;
    packet.put(at, TsigTime { length: [0; 2], ..tsig.time })?;
    let identifier = request.identifier.to_be_bytes();
    packet.put(at + size_of::<TsigTime>(), TsigEnd { identifier, error: TsigEnd::BAD_KEY, length: [0; 2] })
}

/// Gives where the bytes end.
fn write_bytes<P: Packet>(packet: &mut P, at: usize, bytes: Option<&[u8]>) -> Result<usize, Reason> {
    let bytes = bytes.ok_or(Reason::Write)?;
    for (index, byte) in bytes.iter().enumerate() {
        packet.put(at + index, [*byte])?;
    }
    Ok(at + bytes.len())
}

/// The SOA record for a question whose name has that many bytes before the zone's. Its three names end with a pointer to
/// the zone's name: owner, primary server and mailbox.
fn relocated(soa: &Negative, offset: usize) -> [u8; NEGATIVE_BYTES] {
    let mut record = soa.record;
    let mut at = 0;
    for index in 0..3 {
        while let Some(label @ 0..=63) = record.get(at) {
            at += 1 + usize::from(*label);
        }
        if let Some(pointer) = record.get_mut(at..at + 2) {
            let target = u16::from_be_bytes([pointer[0], pointer[1]]) + offset as u16;
            pointer.copy_from_slice(&target.to_be_bytes());
        }
        at += if index == 0 { size_of::<RecordHead>() } else { 2 };
    }
    record
}
