//! What a query is answered with: the answer set of its name and view, and a window of it.

use crate::{
    choice,
    counter::{Counter, Kind},
    name::{self, Words},
    packet::{Packet, forget},
    query::{Query, Question},
    reason::Reason,
    stale::{self, Stale},
    tables::{self, Address, AnswerSet, Copies, DEFAULT_VIEW, MAX_SERVERS, PLACES, Settings, Tables, policy},
    wire::dns::{ExtendedError, Header, RecordHead, Type},
};

const HEADER: usize = size_of::<Header>();
/// A record with an IPv4 address, in bytes.
pub(crate) const A: usize = size_of::<RecordHead>() + 4;
/// A record with an IPv6 address, in bytes.
pub(crate) const AAAA: usize = size_of::<RecordHead>() + 16;

/// The records that an answer carries.
pub struct Answer<'t> {
    pub set: &'t AnswerSet,
    pub stale: Stale,
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

/// `forget` admits no longer ones: a question of the longest name, all records of the longer kind, an OPT record with its
/// options.
const _: () = assert!(HEADER + name::MAX_LENGTH + 4 + MAX_SERVERS * AAAA + 128 < 2048);

impl<'t> Answer<'t> {
    /// Looks up a query's answer as a client sees it.
    ///
    /// # Errors
    /// `UnknownName` or `Stale`, and `NameServers` where they are asked for.
    #[inline(always)]
    pub fn find<P: Packet, T: Tables>(
        packet: &P,
        query: &Query,
        question: &Question,
        tables: &'t T,
        settings: &Settings,
        (client, stale): (Address, Stale),
    ) -> Result<Self, Reason> {
        let (names, view) = view_of(packet, client, tables, settings);
        let view = view | stale.view;
        // What the comparison learns of this length is not known of the other one.
        let length = forget::<{ 2 * name::MAX_LENGTH - 1 }>(packet, query.name_length);
        let entry = find_set(&question.name, query.name_sum, length, tables, names, view)
            .ok_or(if stale.view == stale::NO_VIEW { Reason::Stale } else { Reason::UnknownName })?;
        if query.r#type == Type::NS {
            return Err(Reason::NameServers);
        }
        let frame = Surroundings {
            length: HEADER + query.question_length() + query.opt_length,
            size: usize::from(query.size),
            has_edns: query.opt_length != 0,
        };
        Ok(Self::of(packet, entry, query.r#type, frame, (client, stale), tables))
    }

    /// The answer for a type out of a set.
    #[inline(always)]
    pub fn of<P: Packet, T: Tables>(
        packet: &P,
        entry: Entry<'t>,
        r#type: Type,
        message: Surroundings,
        (client, stale): (Address, Stale),
        tables: &T,
    ) -> Self {
        let Entry { slot, set } = entry;
        let kind = kind_of(r#type, set);
        let policy = stale.policy(set);
        let start = if policy == 0 {
            let count = if kind == Kind::A { set.ipv4.count } else { set.ipv6.count };
            choice::rotate(tables.count(kind.into()), count)
        } else {
            let turn = tables.count(counter(policy, kind));
            choice::begin(set, tables.choice(slot), kind, turn, client)
        };
        let fixed = message.length + option_length(policy, message.has_edns);
        let room = message.size - fixed;
        let (count, records_length) = if kind == Kind::A {
            let count = usize::from(set.ipv4.limit).min(room / A);
            (count, count * A)
        } else if kind == Kind::AAAA {
            let count = usize::from(set.ipv6.limit).min(room / AAAA);
            (count, count * AAAA)
        } else {
            (1, usize::from(set.negative.length))
        };
        let records_length = forget::<2047>(packet, records_length);
        Self {
            set,
            stale,
            kind: Kind(forget::<3>(packet, kind.0.into()) as u8),
            start: forget::<{ PLACES - 1 }>(packet, start),
            count: forget::<{ 2 * MAX_SERVERS - 1 }>(packet, count),
            records_length,
            message_length: forget::<2047>(packet, fixed + records_length),
        }
    }
}

impl Answer<'_> {
    /// What it was counted as.
    #[inline(always)]
    pub fn counter(&self) -> Counter {
        counter(self.policy(), self.kind)
    }

    /// Bits of `policy`.
    #[inline(always)]
    pub(crate) fn policy(&self) -> u8 {
        self.stale.policy(self.set)
    }

    /// Why it is what it is, where its policy is `EXPLAINED`.
    #[inline(always)]
    pub(crate) fn extended_error(&self) -> [u8; 2] {
        self.stale.extended_error(self.set)
    }
}

#[inline(always)]
fn counter(policy: u8, kind: Kind) -> Counter {
    const _: () = assert!(Counter::STALE.0 == Counter::WITHOUT_LIVE.0 + 1 && policy::STALE == 8);
    if policy & policy::EXPLAINED == 0 {
        return kind.into();
    }
    Counter(Counter::WITHOUT_LIVE.0 + ((policy & policy::STALE) >> 3))
}

/// Of what an answer adds to an OPT record, in bytes. A branch would make the verifier walk all that follows twice.
#[inline(always)]
pub(crate) fn option_length(policy: u8, has_edns: bool) -> usize {
    const _: () = assert!(size_of::<ExtendedError>() == 6 && policy::EXPLAINED == 4);
    let bit = policy & policy::EXPLAINED & (u8::from(has_edns) << 2);
    usize::from(bit + (bit >> 1))
}

/// What a message has besides its records.
#[derive(Clone, Copy)]
pub struct Surroundings {
    /// In bytes, without what an answer adds to an OPT record.
    pub length: usize,
    /// How many bytes the whole message may have.
    pub size: usize,
    pub has_edns: bool,
}

/// An answer set, and the slot that it is in; 0 where no table holds it.
#[derive(Clone, Copy)]
pub struct Entry<'t> {
    pub slot: u32,
    pub set: &'t AnswerSet,
}

/// The view of a client, and where that one's names are: both of one publication.
#[inline(always)]
pub(crate) fn view_of<P: Packet, T: Tables>(
    packet: &P,
    client: Address,
    tables: &T,
    settings: &Settings,
) -> (Copies, u32) {
    let names = settings.names;
    // Read first, and once, whatever the compiler thinks of that: the byte may change in between. Who then still sees the copy of
    // before finds no prefix for it.
    let names = Copies { current: packet.hide(names.current.into()) as u8, ..names };
    if settings.has_views == 0 {
        return (names, DEFAULT_VIEW);
    }
    (names, tables.view(client, names.side()))
}

/// The answer set of a name as a view sees it.
#[inline(always)]
pub(crate) fn find_set<'t, T: Tables>(
    name: &Words,
    sum: u64,
    length: usize,
    tables: &'t T,
    names: Copies,
    view: u32,
) -> Option<Entry<'t>> {
    let hash = tables::name_hash(sum, view, names.seed(names.number()));
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
) -> Option<Entry<'t>> {
    let slot = tables.slot(position);
    if slot == 0 {
        return None;
    }
    let set = tables.answer_set(slot)?;
    (name::is_same(name, length, &set.name, &set.significant) && set.view == view.to_be_bytes())
        .then_some(Entry { slot, set })
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
