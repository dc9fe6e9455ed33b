//! The reply's message: every byte of it is written, wherever the query's bytes were.

use crate::{
    answer::{A, AAAA, Answer},
    checksum::{self, Sum},
    counter::Kind,
    name,
    packet::{Packet, at_most, forget, unrolled},
    query::{OWN_SIZE, QUESTION_WORDS, Query, Question},
    reason::Reason,
    tables::{Address, MAX_SERVERS, NEGATIVE_BYTES, policy},
    wire::dns::{ExtendedError, Header, Opt, RecordHead, flags},
};

const HEADER: usize = size_of::<Header>();

/// Writes the reply at an offset of a packet that has been resized to hold it, and returns its sum.
///
/// # Errors
/// `Write` where the packet is too short after all.
#[inline(always)]
pub fn write<P: Packet>(
    packet: &mut P,
    message: usize,
    query: &Query,
    question: &Question,
    answer: &Answer<'_>,
) -> Result<Sum, Reason> {
    let header = header(query, answer);
    packet.put(message, header)?;
    let question_length = query.question_length();
    write_question(packet, message + HEADER, question, question_length)?;

    let question_length = forget::<{ 2 * name::MAX_LENGTH - 1 }>(packet, question_length);
    let records = message + HEADER + question_length;
    let sum = write_records(packet, records, answer)?;
    let mut sum = packet.hide(sum);
    if query.opt_length != 0 {
        let is_explained = answer.policy() & policy::EXPLAINED != 0;
        let options = if is_explained { size_of::<ExtendedError>() } else { 0 };
        let opt = Opt::extended(OWN_SIZE, 0, query.dnssec_ok, options as u16);
        packet.put(records + answer.records_length, opt)?;
        sum += checksum::at(answer.records_length, opt_sum(query.dnssec_ok));
        if is_explained {
            let error = ExtendedError::new(answer.extended_error());
            packet.put(records + answer.records_length + size_of::<Opt>(), error)?;
            // An OPT record has an odd number of bytes, and the last one of its length at an even offset.
            sum += checksum::at(answer.records_length, checksum::pair([options as u8, 0]));
            sum += checksum::at(answer.records_length + size_of::<Opt>(), error.sum());
        }
    }
    Ok(header.sum() + query.question_sum + checksum::at(question_length, sum))
}

/// Writes over a query what is left of a reply whose answer is left out, with TC: the question stays where it is, and behind it
/// the reply ends, or has its OPT record. Returns its sum.
///
/// # Errors
/// `Write`.
#[inline(always)]
pub(crate) fn write_truncated<P: Packet>(
    packet: &mut P,
    message: usize,
    query: &Query,
) -> Result<Sum, Reason> {
    let has_edns = query.opt_length != 0;
    let copied = query.flags & (flags::RECURSION_DESIRED | flags::CHECKING_DISABLED);
    let flags = copied | flags::RESPONSE | flags::TRUNCATED;
    let header = Header::new(query.identifier, flags, [1, 0, 0, u16::from(has_edns)]);
    packet.put(message, header)?;
    let question_length = forget::<{ 2 * name::MAX_LENGTH - 1 }>(packet, query.question_length());
    let mut sum = header.sum() + query.question_sum;
    if has_edns {
        packet.put(message + HEADER + question_length, Opt::extended(OWN_SIZE, 0, query.dnssec_ok, 0))?;
        sum += checksum::at(question_length, opt_sum(query.dnssec_ok));
    }
    Ok(sum)
}

/// The length of such a reply's message, in bytes.
#[inline(always)]
pub(crate) fn truncated_length(query: &Query) -> usize {
    HEADER + query.question_length() + query.opt_length
}

/// Writes the records of an answer, and returns their sum.
#[inline(always)]
pub(crate) fn write_records<P: Packet>(
    packet: &mut P,
    records: usize,
    answer: &Answer<'_>,
) -> Result<Sum, Reason> {
    if answer.kind == Kind::A {
        write_a(packet, records, answer)
    } else if answer.kind == Kind::AAAA {
        write_aaaa(packet, records, answer)
    } else {
        write_soa(packet, records, answer)
    }
}

/// QR and AA are set, RD and CD copied, all else is clear (RFC 1035 4.1.1, RFC 4035 3.1.6).
#[inline(always)]
fn header(query: &Query, answer: &Answer<'_>) -> Header {
    let copied = query.flags & (flags::RECURSION_DESIRED | flags::CHECKING_DISABLED);
    let records = answer.count as u16;
    let (answers, authorities, rcode) =
        if answer.kind == Kind::NO_DATA { (0, records, answer.set.rcode.into()) } else { (records, 0, 0) };
    Header::new(
        query.identifier,
        copied | flags::RESPONSE | flags::AUTHORITATIVE | rcode,
        [1, answers, authorities, u16::from(query.opt_length != 0)],
    )
}

/// The question's bytes as they came, in pairs of words. Up to fifteen bytes behind them are overwritten, too; a record
/// follows, and none is shorter than that.
#[inline(always)]
fn write_question<P: Packet>(
    packet: &mut P,
    offset: usize,
    question: &Question,
    length: usize,
) -> Result<(), Reason> {
    'words: {
        unrolled!(INDEX in [0 2 4 6 8] {
            let start = INDEX * 8;
            if start >= length {
                break 'words;
            }
            packet.put(offset + start, [question.word(INDEX).to_le_bytes(), question.word(INDEX + 1).to_le_bytes()])?;
        });
    }
    Ok(())
}

const _: () = assert!(QUESTION_WORDS == 10, "as many as are unrolled");

#[inline(always)]
fn write_a<P: Packet>(packet: &mut P, records: usize, answer: &Answer<'_>) -> Result<Sum, Reason> {
    let ipv4 = &answer.set.ipv4;
    let (first, second) = answer.stale.head(ipv4.record, ipv4.stale_ttl);
    let mut sum = head_sum(first, second) * answer.count as u64;
    for index in 0..MAX_SERVERS {
        if index >= answer.count {
            break;
        }
        let address = u32::from_le_bytes(ipv4.addresses[answer.start + index]);
        let offset = records + index * A;
        let rest = u64::from(second) | u64::from(address) << 32;
        packet.put(offset, [first.to_le_bytes(), rest.to_le_bytes()])?;
        sum += u64::from(address);
    }
    Ok(sum)
}

#[inline(always)]
fn write_aaaa<P: Packet>(packet: &mut P, records: usize, answer: &Answer<'_>) -> Result<Sum, Reason> {
    let ipv6 = &answer.set.ipv6;
    let (first, second) = answer.stale.head(ipv6.record, ipv6.stale_ttl);
    let mut sum = head_sum(first, second) * answer.count as u64;
    for index in 0..MAX_SERVERS {
        if index >= answer.count {
            break;
        }
        let address = ipv6.addresses[answer.start + index];
        let offset = at_most::<2047>(packet, records + index * AAAA);
        packet.put(offset, first.to_le_bytes())?;
        packet.put(offset + size_of::<u64>(), second.to_le_bytes())?;
        packet.put(offset + size_of::<RecordHead>(), address)?;
        sum += sum_of_address(address);
    }
    Ok(sum)
}

#[inline(always)]
fn sum_of_address(address: [u8; 16]) -> Sum {
    let [low, high] = Address::from_ipv6(address).0;
    checksum::word(low) + checksum::word(high)
}

/// The record is copied eight bytes at a time; the last eight overlap with those before.
#[inline(always)]
fn write_soa<P: Packet>(packet: &mut P, records: usize, answer: &Answer<'_>) -> Result<Sum, Reason> {
    let negative = &answer.set.negative;
    let length = answer.records_length;
    if length < 16 || length > negative.record.len() {
        return Err(Reason::Write);
    }
    'words: {
        unrolled!(INDEX in [0 1 2 3 4 5 6 7 8 9 10 11 12 13] {
            let start = INDEX * 8;
            if start + 8 > length {
                break 'words;
            }
            packet.put(records + start, bytes_at(&negative.record, start)?)?;
        });
    }
    let last = forget::<127>(packet, length - 8);
    packet.put(forget::<2047>(packet, records + last), bytes_at(&negative.record, last)?)?;
    Ok(checksum::pair(negative.sum))
}

const _: () = assert!(NEGATIVE_BYTES == 14 * 8, "as many as are unrolled");

#[inline(always)]
fn bytes_at(record: &[u8; NEGATIVE_BYTES], start: usize) -> Result<[u8; 8], Reason> {
    let bytes = record.get(start..start + 8).and_then(|bytes| bytes.first_chunk::<8>());
    bytes.copied().ok_or(Reason::Write)
}

/// Of a record head as eight bytes and four.
#[inline(always)]
fn head_sum(first: u64, second: u32) -> Sum {
    checksum::word(first) + u64::from(second)
}

/// The sum of an `Opt::reply` that starts at an even offset.
#[inline(always)]
fn opt_sum(dnssec_ok: u8) -> Sum {
    const PLAIN: [u8; 11] = bytemuck::must_cast(Opt::reply(OWN_SIZE, 0));
    let mut sum = checksum::pair([0, dnssec_ok]);
    let mut index = 0;
    while index < 10 {
        sum += checksum::pair([PLAIN[index], PLAIN[index + 1]]);
        index += 2;
    }
    sum + PLAIN[10] as u64
}
