//! The question of a message: parsed and held in words, whatever carries the message.

use crate::{
    checksum::{self, Sum},
    name::{self, Words},
    packet::{Packet, at_most, forget, unrolled, word},
    reason::Reason,
    tables,
    wire::dns::{Header, Opt, OptionHead, QuestionTail, Type, flags},
};

/// Words of a message behind its header that are read.
const BODY_WORDS: usize = 16;
/// The longest message that is read, in bytes behind its header.
pub const MAX_BODY: usize = BODY_WORDS * 8;
/// Words that hold the longest name with type and class, in pairs.
pub(crate) const QUESTION_WORDS: usize = name::WORDS + 2;
const HEADER: usize = size_of::<Header>();
const TAIL: usize = size_of::<QuestionTail>();
const OPT: usize = size_of::<Opt>();
/// Options that one OPT may hold before the message is passed up.
const MAX_OPTIONS: usize = 4;
/// The smallest payload that every client can receive, in bytes (RFC 1035 4.2.1, RFC 6891 6.2.3).
pub const MINIMUM_SIZE: u16 = 512;
/// The largest payload that is sent and can be received, in bytes (the size that dnsflagday.net/2020 recommends).
pub const OWN_SIZE: u16 = 1232;

/// The words of a question. Its owner lends it: a BPF program's stack is small, and the verifier tells paths apart by what
/// is on it.
#[repr(C)]
pub struct Question {
    /// Name, type and class as they came, as far as they fit; what is behind them is anything.
    pub(crate) name: Words,
    /// What follows.
    rest: [u64; QUESTION_WORDS - name::WORDS],
}

impl Question {
    /// An empty question.
    pub const fn new() -> Self {
        Self { name: [0; name::WORDS], rest: [0; QUESTION_WORDS - name::WORDS] }
    }
}

impl Default for Question {
    fn default() -> Self {
        Self::new()
    }
}

impl Question {
    #[inline(always)]
    pub(crate) fn word(&self, index: usize) -> u64 {
        if index < name::WORDS { self.name[index] } else { self.rest[(index - name::WORDS) % 2] }
    }

    #[inline(always)]
    fn set_word(&mut self, index: usize, word: u64) {
        if index < name::WORDS {
            self.name[index] = word;
        } else if index < QUESTION_WORDS {
            self.rest[(index - name::WORDS) % 2] = word;
        }
    }
}

/// A plain query with one question, whose words are in a `Question`.
#[derive(Clone, Copy)]
pub struct Query {
    pub identifier: u16,
    pub flags: u16,
    /// In bytes, with the root.
    pub name_length: usize,
    /// As `tables::name_sum` gives it.
    pub name_sum: u64,
    pub r#type: Type,
    /// Of the OPT record that the reply needs; 0 for none.
    pub opt_length: usize,
    /// The largest message that may be sent to the client, in bytes; at least 512.
    pub size: u16,
    /// `Opt::DNSSEC_OK` or 0.
    pub dnssec_ok: u8,
    /// Of the whole message.
    pub sum: Sum,
    /// Of name, type and class.
    pub question_sum: Sum,
}

impl Query {
    /// Reads the query at an offset of a packet, `length` bytes long; `options` are those of `Settings`.
    ///
    /// # Errors
    /// The first reason why it is not a plain query of class IN.
    #[inline(always)]
    pub fn parse<P: Packet>(
        packet: &P,
        message: usize,
        length: usize,
        options: u8,
        question: &mut Question,
    ) -> Result<Self, Reason> {
        // Behind a datagram there may be more of the frame.
        if length < HEADER {
            return Err(Reason::Truncated);
        }
        let header: Header = packet.get(message)?;
        check_header(header)?;
        let (identifier, flags, has_additional) =
            (header.identifier(), header.flags(), header.additionals() != 0);
        let body = message + HEADER;
        if length <= HEADER + TAIL {
            return Err(Reason::MalformedName);
        }
        let body_length = length - HEADER;
        if body_length > MAX_BODY {
            return Err(Reason::TooLong);
        }
        // MAX_BODY itself needs the bit above its mask.
        let body_length = forget::<{ 2 * MAX_BODY - 1 }>(packet, body_length);
        // Unless they are hidden or forgotten sums are finished where they are used, and all their parts kept until then.
        let header_sum = packet.hide(header.sum());
        let body_sum = packet.forget(read_words(packet, body, body_length, question)?);

        let body_length = forget::<{ 2 * MAX_BODY - 1 }>(packet, body_length);
        let question = packet.hide_behind(question);
        let (name_length, name_sum) = measure_name(question).ok_or(Reason::MalformedName)?;
        let name_sum = packet.hide(name_sum);
        let name_length = forget::<{ 2 * name::MAX_LENGTH - 1 }>(packet, name_length);
        let end = name_length + TAIL;
        if name_length > name::MAX_LENGTH || end > body_length {
            return Err(Reason::MalformedName);
        }
        let tail: QuestionTail = packet.get(body + name_length)?;
        if !tail.is_in() {
            return Err(Reason::Class);
        }
        if tail.r#type() != Type::A && tail.r#type().is_meta() && tail.r#type() != Type::ANY {
            return Err(Reason::MetaType);
        }
        let (opt_length, size, dnssec_ok, question_sum) = if has_additional {
            let opt = parse_opt(packet, body + end, body_length - end, options)?;
            let question_sum = if opt.length() == 0 {
                checksum::without(body_sum, checksum::at(end, opt.sum()))
            } else {
                sum_question(question, end)
            };
            (OPT, opt.size().clamp(MINIMUM_SIZE, OWN_SIZE), opt.dnssec_ok(), question_sum)
        } else if end == body_length {
            (0, MINIMUM_SIZE, 0, body_sum)
        } else {
            return Err(Reason::TrailingBytes);
        };
        let opt_length = forget::<15>(packet, opt_length);
        Ok(Self {
            identifier,
            flags,
            name_length: forget::<{ 2 * name::MAX_LENGTH - 1 }>(packet, name_length),
            name_sum,
            r#type: tail.r#type(),
            opt_length,
            size,
            dnssec_ok,
            sum: header_sum + body_sum,
            question_sum: packet.forget(question_sum),
        })
    }

    /// Name, type and class, in bytes.
    #[inline(always)]
    pub fn question_length(&self) -> usize {
        self.name_length + TAIL
    }
}

#[inline(always)]
fn check_header(header: Header) -> Result<(), Reason> {
    let bits = header.flags();
    const PLAIN: u16 = flags::RECURSION_DESIRED | flags::AUTHENTIC_DATA | flags::CHECKING_DISABLED;
    if bits & !PLAIN == 0 && header.has_plain_counts() {
        return Ok(());
    }
    Err(if bits & flags::RESPONSE != 0 {
        Reason::Response
    } else if bits & flags::OPCODE != 0 {
        Reason::Opcode
    } else if bits & !PLAIN != 0 {
        Reason::HeaderFlags
    } else {
        Reason::Counts
    })
}

/// Reads the bytes behind the header into words, as many as there are, and returns their sum.
#[inline(always)]
fn read_words<P: Packet>(
    packet: &P,
    body: usize,
    length: usize,
    question: &mut Question,
) -> Result<Sum, Reason> {
    let mut sum = 0;
    'words: {
        unrolled!(INDEX in [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15] {
            let start = INDEX * 8;
            if start >= length {
                break 'words;
            }
            let value = if start + 8 <= length {
                word(packet, body + start)?
            } else {
                // The last bytes: an overlapping read that ends where the message does.
                let last = at_most::<511>(packet, body + length - 8);
                word(packet, last)? >> (64 - 8 * (length & 7))
            };
            sum += checksum::word(value);
            question.set_word(INDEX, value);
        });
    }
    Ok(sum)
}

const _: () = assert!(BODY_WORDS == 16, "as many as are unrolled");

/// The sum of the first bytes of the words.
#[inline(always)]
fn sum_question(question: &Question, length: usize) -> Sum {
    let mut sum = 0;
    'words: {
        unrolled!(INDEX in [0 1 2 3 4 5 6 7 8] {
            let start = INDEX * 8;
            if start + 8 > length {
                sum += checksum::word(name::first_bytes(question.word(INDEX), length & 7));
                break 'words;
            }
            sum += checksum::word(question.word(INDEX));
        });
    }
    sum
}

/// The length of the name that begins the words, and its sum.
///
/// The first zero byte ends it: where all bytes up to it equal a well-formed name, its labels lead there as well. What is
/// not well-formed equals no name in the tables. Behind the question there is anything, perhaps of another query; a name
/// that ends there is longer than the message.
#[inline(always)]
fn measure_name(question: &Question) -> Option<(usize, u64)> {
    let mut sum = 0_u64;
    let mut length = None;
    'words: {
        unrolled!(INDEX in [0 1 2 3 4 5 6 7] {
            let word = question.name[INDEX];
            let folded = name::without_case(word);
            if let Some(mask) = name::before_zero(word) {
                sum = sum.wrapping_add(tables::name_word_sum(INDEX, folded & mask));
                length = Some(INDEX * 8 + name::count_bytes(mask) + 1);
                break 'words;
            }
            sum = sum.wrapping_add(tables::name_word_sum(INDEX, folded));
        });
    }
    length.map(|length| (length, sum))
}

const _: () = assert!(name::WORDS == 8, "as many as are unrolled");

/// Reads the one record behind the question, which must be an OPT that ends the message.
#[inline(always)]
fn parse_opt<P: Packet>(packet: &P, offset: usize, length: usize, wanted: u8) -> Result<Opt, Reason> {
    if length < OPT {
        return Err(Reason::MalformedOpt);
    }
    let opt: Opt = packet.get(offset)?;
    if !opt.is_opt() {
        return Err(Reason::MalformedOpt);
    }
    let options = usize::from(opt.length());
    if OPT + options < length {
        return Err(Reason::TrailingBytes);
    }
    if OPT + options > length {
        return Err(Reason::MalformedOpt);
    }
    if opt.version() != 0 {
        return Err(Reason::EdnsVersion);
    }
    if options != 0 {
        check_options(packet, offset + OPT, options, wanted)?;
    }
    Ok(opt)
}

/// Options are ignored, but for those that are wanted elsewhere; they must fill their record exactly.
#[inline(always)]
fn check_options<P: Packet>(packet: &P, offset: usize, length: usize, wanted: u8) -> Result<(), Reason> {
    let mut position = 0;
    unrolled!(_INDEX in [0 1 2 3] {
        position = forget::<{ 2 * MAX_BODY - 1 }>(packet, position);
        if position + size_of::<OptionHead>() > length {
            return Err(Reason::MalformedOpt);
        }
        let option: OptionHead = packet.get(offset + position)?;
        if tables::options::bit(option.code()) & wanted != 0 {
            return Err(Reason::EdnsOption);
        }
        let data = usize::from(option.length());
        if data > MAX_BODY {
            return Err(Reason::MalformedOpt);
        }
        position += size_of::<OptionHead>() + data;
        if position == length {
            return Ok(());
        }
        if position > length {
            return Err(Reason::MalformedOpt);
        }
    });
    Err(Reason::TooLong)
}

const _: () = assert!(MAX_OPTIONS == 4, "as many as are unrolled");
