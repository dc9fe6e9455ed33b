//! The least that an answer takes: no tables, no counters, nothing verified that the answer does not depend on.
//!
//! Room for the records is made at the head: what stands before them moves forward, and an OPT record stays where it is.
//! Of one with options the end is cut off.

use aya_ebpf::{
    helpers::{bpf_xdp_adjust_head, bpf_xdp_adjust_tail},
    programs::XdpContext,
};

use crate::frame::{self, Frame};

/// `internet.intern.netz`, A, IN.
const QUESTION: [u8; 26] = *b"\x08internet\x06intern\x04netz\0\0\x01\0\x01";
const QUESTION_AT: usize = 54;
/// Where the records of an answer begin, and where the question ends.
const RECORDS_AT: usize = QUESTION_AT + QUESTION.len();
const RECORDS: usize = 3;
const RECORD: usize = 16;
pub(crate) const RECORDS_LENGTH: usize = RECORDS * RECORD;
/// Without options.
const OPT: usize = 11;
/// Of the headers before UDP's.
const UDP_AT: usize = 34;
const IPV4_UDP: u16 = 0x1140;

/// What the fixed answer is not the answer to.
pub(crate) struct NotOurs;

/// Makes the answer of the frame.
#[inline(always)]
pub(crate) fn to_frame(context: &XdpContext) -> Result<(), NotOurs> {
    let query = Frame::<RECORDS_AT>::new(context).ok_or(NotOurs)?;
    let is_udp = query.get::<u16>(12) == be(0x0800)
        && query.get::<u8>(14) == 0x45
        && query.get::<u8>(23) == 17
        && query.get::<u16>(36) == be(53)
        && query.get::<u16>(20) & be(0x3fff) == 0;
    let is_plain =
        query.get::<u8>(44) & 0xf8 == 0 && query.get::<u16>(46) == be(1) && query.get::<u32>(48) == 0;
    let question = [54, 62, 70].map(|offset| query.get::<u64>(offset));
    let class: u16 = query.get(78);
    let differences = (0..3).fold(u64::from(class ^ be(1)), |differences, index| {
        differences | (question[index] ^ word(index)) & significant(index)
    });
    if !is_udp || !is_plain || differences != 0 {
        return Err(NotOurs);
    }
    let additional: u16 = query.get(52);
    let opt = if additional == 0 {
        0
    } else {
        let with_opt = Frame::<{ RECORDS_AT + OPT }>::new(context).ok_or(NotOurs)?;
        let is_opt = with_opt.get::<u8>(RECORDS_AT) == 0 && with_opt.get::<u16>(RECORDS_AT + 1) == be(41);
        if additional != be(1) || !is_opt {
            return Err(NotOurs);
        }
        OPT
    };
    let macs: [u32; 3] = [0, 4, 8].map(|offset| query.get(offset));
    let addresses: [u32; 2] = [26, 30].map(|offset| query.get(offset));
    let (port, identifier): (u16, u16) = (query.get(34), query.get(42));
    let flags = u16::from(query.get::<u8>(44) & 1 | 0x84);

    // SAFETY: helper calls on the kernel's context; all pointers into the frame are derived anew afterwards.
    unsafe {
        let excess = (frame::end(context) - frame::start(context)) as i32 - (RECORDS_AT + opt) as i32;
        if excess != 0 && bpf_xdp_adjust_tail(context.ctx, -excess) != 0 {
            return Err(NotOurs);
        }
        if bpf_xdp_adjust_head(context.ctx, -(RECORDS_LENGTH as i32)) != 0 {
            return Err(NotOurs);
        }
    }

    let mut reply = Frame::<{ RECORDS_AT + RECORDS_LENGTH }>::new(context).ok_or(NotOurs)?;
    let udp_length = (RECORDS_AT - UDP_AT + RECORDS_LENGTH + opt) as u16;
    // The two MAC addresses, each six bytes, change places.
    reply.put(0, macs[1] >> 16 | macs[2] << 16);
    reply.put(4, (macs[2] >> 16) as u16);
    reply.put(6, macs[0]);
    reply.put(10, macs[1] as u16);
    reply.put(12, be(0x0800));

    let length = be(udp_length + 20);
    let sum = [be(0x4500), length, be(0x4000), IPV4_UDP].map(u64::from).iter().sum::<u64>()
        + u64::from(addresses[0])
        + u64::from(addresses[1]);
    reply.put(14, u32::from(be(0x4500)) | u32::from(length) << 16);
    reply.put(18, u32::from(be(0x4000)) << 16);
    reply.put(22, u32::from(IPV4_UDP) | u32::from(!folded(sum)) << 16);
    reply.put(26, addresses[1]);
    reply.put(30, addresses[0]);

    // Of the pseudo header, of the header, and of the message.
    let mut sum = u64::from(addresses[0]) + u64::from(addresses[1]) + u64::from(be(17));
    sum += 2 * u64::from(be(udp_length)) + u64::from(be(53)) + u64::from(port);
    sum +=
        [identifier, flags, be(1), be(RECORDS as u16), additional, class].map(u64::from).iter().sum::<u64>();
    sum += question.iter().map(|word| (word & 0xffff_ffff) + (word >> 32)).sum::<u64>();
    reply.put(34, be(53));
    reply.put(36, port);
    reply.put(38, be(udp_length));
    reply.put(42, identifier);
    reply.put(44, flags);
    reply.put(46, be(1));
    reply.put(48, be(RECORDS as u16));
    reply.put(50, 0_u16);
    reply.put(52, additional);
    for (index, word) in question.iter().enumerate() {
        reply.put(QUESTION_AT + 8 * index, *word);
    }
    reply.put(78, class);
    for index in 0..RECORDS {
        // A pointer to the question's name, A, IN, a second, four bytes: 192.0.2.101 and those behind it.
        let record = [0x0000_0100_0100_0cc0_u64, 0x6502_00c0_0400_0100 + ((index as u64) << 56)];
        reply.put(RECORDS_AT + RECORD * index, record[0]);
        reply.put(RECORDS_AT + RECORD * index + 8, record[1]);
        sum += record.iter().map(|word| (word & 0xffff_ffff) + (word >> 32)).sum::<u64>();
    }
    if opt != 0 {
        let mut reply = Frame::<{ RECORDS_AT + RECORDS_LENGTH + OPT }>::new(context).ok_or(NotOurs)?;
        // The root, OPT, 1232 bytes, and zeros.
        let record = 0x0000_00d0_0429_0000_u64;
        reply.put(RECORDS_AT + RECORDS_LENGTH, record);
        reply.put(RECORDS_AT + RECORDS_LENGTH + 8, 0_u16);
        reply.put(RECORDS_AT + RECORDS_LENGTH + 10, 0_u8);
        sum += (record & 0xffff_ffff) + (record >> 32);
    }
    let checksum = match !folded(sum) {
        0 => 0xffff,
        checksum => checksum,
    };
    reply.put(40, checksum);
    Ok(())
}

/// A number of the wire in the machine's order.
const fn be(number: u16) -> u16 {
    number.to_be()
}

/// Eight bytes of the question.
const fn word(index: usize) -> u64 {
    let mut bytes = [0; 8];
    let mut at = 0;
    while at < 8 {
        bytes[at] = QUESTION[8 * index + at];
        at += 1;
    }
    u64::from_le_bytes(bytes)
}

/// All bits of eight bytes but the case of letters.
const fn significant(index: usize) -> u64 {
    let mut bytes = [0; 8];
    let mut at = 0;
    while at < 8 {
        bytes[at] = if QUESTION[8 * index + at].is_ascii_alphabetic() { 0xdf } else { 0xff };
        at += 1;
    }
    u64::from_le_bytes(bytes)
}

/// The one's-complement sum in 16 bits.
#[inline(always)]
fn folded(sum: u64) -> u16 {
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    ((sum >> 16) + sum) as u16
}
