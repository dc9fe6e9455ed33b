//! What a query is answered with: the answer set of its name and view, and a window of it.

use core::hint::black_box;

use crate::{
    counter::Kind,
    name::{self, Words},
    packet::{Packet, forget},
    query::{Query, Question},
    reason::Reason,
    tables::{self, Address, AnswerSet, DEFAULT_VIEW, Halves, MAX_SERVERS, Settings, Tables},
    wire::dns::{Header, RecordHead, Type},
};

const HEADER: usize = size_of::<Header>();
/// A record with an IPv4 address, in bytes.
pub(crate) const A: usize = size_of::<RecordHead>() + 4;
/// A record with an IPv6 address, in bytes.
pub(crate) const AAAA: usize = size_of::<RecordHead>() + 16;

/// The records that an answer carries.
pub struct Answer<'t> {
    pub set: &'t AnswerSet,
    pub kind: Kind,
    /// The first address; the window runs from there.
    pub start: usize,
    /// Records that are written.
    pub count: usize,
    /// Bytes that they take.
    pub records_length: usize,
    /// The whole message, in bytes.
    pub message_length: usize,
}

impl<'t> Answer<'t> {
    /// Looks up a query's answer as a client sees it.
    ///
    /// # Errors
    /// `UnknownName`, and `NameServers` where they are asked for.
    #[inline(always)]
    pub fn find<P: Packet, T: Tables>(
        packet: &P,
        query: &Query,
        question: &Question,
        tables: &'t T,
        settings: &Settings,
        client: Address,
    ) -> Result<Self, Reason> {
        let (names, view) = view_of(client, tables, settings);
        let set = find_set(&question.name, query.name_sum, query.name_length, tables, names, view)
            .ok_or(Reason::UnknownName)?;
        if query.r#type == Type::NS {
            return Err(Reason::NameServers);
        }
        let fixed = HEADER + query.question_length() + query.opt_length;
        Ok(Self::of(packet, set, query.r#type, fixed, usize::from(query.size), tables))
    }

    /// The answer for a type out of a set: in a message that has `fixed` bytes without its records and may have `size`.
    #[inline(always)]
    pub fn of<P: Packet, T: Tables>(
        packet: &P,
        set: &'t AnswerSet,
        r#type: Type,
        fixed: usize,
        size: usize,
        tables: &T,
    ) -> Self {
        let kind = kind_of(r#type, set);
        let room = size - fixed;
        let turn = tables.count(kind.into());
        let (start, count, records_length) = if kind == Kind::A {
            let count = usize::from(set.ipv4.limit).min(room / A);
            (rotate(turn, set.ipv4.count), count, count * A)
        } else if kind == Kind::AAAA {
            let count = usize::from(set.ipv6.limit).min(room / AAAA);
            (rotate(turn, set.ipv6.count), count, count * AAAA)
        } else {
            (0, 1, usize::from(set.negative.length))
        };
        let records_length = forget::<2047>(packet, records_length);
        Self {
            set,
            kind,
            start: forget::<{ MAX_SERVERS - 1 }>(packet, start),
            count: forget::<{ 2 * MAX_SERVERS - 1 }>(packet, count),
            records_length,
            message_length: forget::<2047>(packet, fixed + records_length),
        }
    }
}

/// The view of a client, and where that one's names are: both of one publication.
#[inline(always)]
pub(crate) fn view_of<T: Tables>(client: Address, tables: &T, settings: &Settings) -> (Halves, u32) {
    let names = settings.names;
    if settings.has_views == 0 {
        return (names, DEFAULT_VIEW);
    }
    // Read once, whatever the compiler thinks of reading it again: the byte may flip in between.
    let names = Halves { half: black_box(names.half), ..names };
    (names, tables.view(client, names.side()))
}

/// The answer set of a name as a view sees it.
#[inline(always)]
pub(crate) fn find_set<'t, T: Tables>(
    name: &Words,
    sum: u64,
    length: usize,
    tables: &'t T,
    names: Halves,
    view: u32,
) -> Option<&'t AnswerSet> {
    let hash = tables::name_hash(sum, view, names.seed(names.in_use()));
    let [first, second] = names.positions(hash);
    match_at(name, length, tables, first, view).or_else(|| match_at(name, length, tables, second, view))
}

#[inline(always)]
fn match_at<'t, T: Tables>(
    name: &Words,
    length: usize,
    tables: &'t T,
    position: u32,
    view: u32,
) -> Option<&'t AnswerSet> {
    let slot = tables.slot(position);
    if slot == 0 {
        return None;
    }
    let set = tables.answer_set(slot)?;
    (name::is_same(name, length, &set.name, &set.significant) && set.view == view.to_be_bytes())
        .then_some(set)
}

/// Which records a type gets. ANY gets one RRset that exists (RFC 8482 4.1).
#[inline(always)]
fn kind_of(r#type: Type, set: &AnswerSet) -> Kind {
    let any = r#type == Type::ANY;
    if (r#type == Type::A || any) && set.ipv4.limit != 0 {
        Kind::A
    } else if (r#type == Type::AAAA || any) && set.ipv6.limit != 0 {
        Kind::AAAA
    } else if (r#type == Type::SOA || any) && set.negative.is_apex != 0 {
        Kind::SOA
    } else {
        Kind::NO_DATA
    }
}

/// A place among `count` addresses. Steps of the golden ratio visit all of them evenly, however queries are interleaved.
#[inline(always)]
fn rotate(turn: u64, count: u8) -> usize {
    let fraction = (turn as u32).wrapping_mul(0x9e37_79b9);
    ((u64::from(fraction) * u64::from(count)) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_is_even() {
        // Miri takes long over each turn.
        for count in (1..=64_u8).step_by(if cfg!(miri) { 21 } else { 1 }) {
            let mut seen = [0_u32; 64];
            for turn in 0..u64::from(count) * 1000 {
                seen[rotate(turn, count)] += 1;
            }
            for place in &seen[..usize::from(count)] {
                assert!((990..=1010).contains(place), "{count} addresses: {seen:?}");
            }
            assert!(seen[usize::from(count)..].iter().all(|place| *place == 0));
        }
    }
}
