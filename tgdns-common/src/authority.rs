//! What any message is answered with: the rules for all that is no plain query.

use crate::{
    answer::{self, Answer, Entry, Surroundings},
    finding::Finding,
    name::{self, MAX_LENGTH},
    packet::Packet,
    request::{Asked, Cookie, Request, Tsig},
    stale::Stale,
    tables::{self, Address, AnswerSet, Negative, Tables as _, policy},
    transport::Transport,
    wire::dns::{CHAOS, Header, IN, Opt, OptionHead, RecordHead, Type},
    zones::{NameServers, Zones},
};

/// The size of a client without EDNS, in bytes (RFC 1035 4.2.1).
const WITHOUT_EDNS: u16 = 512;

/// What a message is answered with.
pub struct Judgement<'z> {
    pub finding: Finding,
    pub sections: Sections<'z>,
    pub options: Options<'z>,
    /// Of the reply, in bytes.
    pub length: usize,
    /// Whether records that it needs are left out.
    pub truncated: bool,
}

/// The records of a reply.
pub enum Sections<'z> {
    Nothing,
    Answer(Answer<'z>),
    /// The zone's SOA, and how many bytes of the question's name stand before the zone's.
    NoName(&'z Negative, usize),
    NameServers(NameServers<'z>),
    /// A TXT record of class CH.
    Text(&'z [u8]),
}

/// The options of the reply's OPT record.
#[derive(Default)]
pub struct Options<'z> {
    /// Empty for none.
    pub identity: &'z [u8],
    /// The client's part and the server's.
    pub cookie: Option<([u8; 8], [u8; 16])>,
    pub extended_error: Option<u16>,
}

impl Options<'_> {
    /// In bytes.
    pub fn length(&self) -> usize {
        let head = size_of::<OptionHead>();
        let identity = if self.identity.is_empty() { 0 } else { head + self.identity.len() };
        let cookie = self.cookie.map_or(0, |_| head + 24);
        identity + cookie + self.extended_error.map_or(0, |_| head + 2)
    }
}

/// Decides what a request is answered with.
pub fn judge<'z, P: Packet, Z: Zones>(
    packet: &P,
    request: &Request,
    client: Address,
    transport: Transport,
    zones: &'z Z,
) -> Judgement<'z> {
    let cookie = request.edns.map_or(Cookie::Absent, |edns| edns.cookie);
    let given = |part| zones.server_cookie(part, client).map(|server| (part, server));
    let mut options = Options { cookie: cookie.client().and_then(given), ..Options::default() };
    if request.edns.as_ref().is_some_and(|edns| edns.nsid) {
        options.identity = zones.identity();
    }
    let room = Room::new(request, &options, transport);
    let (finding, sections, truncated) = match (request.fault, &request.asked) {
        (Some(fault), _) => (fault, Sections::Nothing, false),
        (None, _) if matches!(cookie, Cookie::Malformed) && given([0; 8]).is_some() => {
            (Finding::CookieLength, Sections::Nothing, false)
        }
        (None, Some(asked)) => answer(packet, asked, client, transport, zones, room),
        (None, None) => (without_question(cookie, client, zones), Sections::Nothing, false),
    };
    if request.edns.is_some() {
        options.extended_error = finding.extended_error().or_else(|| sections.extended_error());
    }
    let fixed = Room::new(request, &options, transport).fixed;
    let length = fixed + sections.length();
    Judgement { finding, sections, options, length, truncated }
}

/// The reply that leaves the answer out, with TC, so that the client asks over TCP.
pub(crate) fn slip(request: &Request) -> Judgement<'static> {
    let options = Options::default();
    let length = Room::new(request, &options, Transport::Udp).fixed;
    Judgement { finding: Finding::Slipped, sections: Sections::Nothing, options, length, truncated: true }
}

/// How large a reply may be, in bytes.
#[derive(Clone, Copy)]
struct Room {
    /// What it has without its records.
    fixed: usize,
    size: usize,
    has_edns: bool,
}

impl Room {
    fn new(request: &Request, options: &Options<'_>, transport: Transport) -> Self {
        let question = request.asked.as_ref().map_or(0, Asked::length);
        let opt = request.edns.map_or(0, |_| size_of::<Opt>() + options.length());
        let tsig = request.tsig.as_ref().map_or(0, Tsig::length);
        let size = transport.largest(request.edns.map_or(WITHOUT_EDNS, |edns| edns.size));
        let fixed = size_of::<Header>() + question + opt + tsig;
        Self { fixed, size: size.into(), has_edns: request.edns.is_some() }
    }

    fn holds(self, length: usize) -> bool {
        self.fixed + length <= self.size
    }
}

impl Sections<'_> {
    /// Why they are what they are, where that is said.
    fn extended_error(&self) -> Option<u16> {
        let Self::Answer(answer) = self else { return None };
        let is_said = answer.policy() & policy::EXPLAINED != 0;
        is_said.then_some(u16::from_be_bytes(answer.extended_error()))
    }

    /// In bytes.
    fn length(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Answer(answer) => answer.records_length,
            Self::NoName(soa, _) => soa.length.into(),
            Self::NameServers(servers) => servers.records.len() + servers.glue.len(),
            Self::Text(text) => size_of::<RecordHead>() + 1 + text.len(),
        }
    }
}

fn answer<'z, P: Packet, Z: Zones>(
    packet: &P,
    asked: &Asked,
    client: Address,
    transport: Transport,
    zones: &'z Z,
    room: Room,
) -> (Finding, Sections<'z>, bool) {
    let refused = |finding| (finding, Sections::Nothing, false);
    match (asked.class, asked.r#type) {
        (CHAOS, _) => return chaos(asked, zones),
        (IN, Type::AXFR) if transport == Transport::Udp => return refused(Finding::TransferOverUdp),
        (IN, Type::AXFR | Type::IXFR) => return refused(Finding::ZoneTransfer),
        (IN, _) => {}
        _ => return refused(Finding::ForeignClass),
    }
    let Some(found) = Found::by_name(packet, asked, client, zones) else {
        return refused(Finding::ForeignName);
    };
    match found {
        Found::Name(Entry { set, .. }, _) if asked.r#type == Type::NS && set.negative.is_apex != 0 => {
            name_servers(zones.name_servers(set), room)
        }
        Found::Name(entry, stale) => {
            let answer = Answer::of(
                packet,
                entry,
                asked.r#type,
                Surroundings { length: room.fixed, size: room.size, has_edns: room.has_edns },
                (client, stale),
                zones.tables(),
            );
            ((&answer).into(), Sections::Answer(answer), false)
        }
        Found::Nothing { apex, offset } => (Finding::NoName, Sections::NoName(&apex.negative, offset), false),
    }
}

/// Name servers without their addresses are still an answer; without all of their names it is cut (RFC 2181 9).
fn name_servers(servers: NameServers<'_>, room: Room) -> (Finding, Sections<'_>, bool) {
    let without_glue = NameServers { glue: &[], glue_count: 0, ..servers };
    let (sections, truncated) = if room.holds(servers.records.len() + servers.glue.len()) {
        (Sections::NameServers(servers), false)
    } else if room.holds(servers.records.len()) {
        (Sections::NameServers(without_glue), false)
    } else {
        (Sections::Nothing, true)
    };
    (Finding::NameServers, sections, truncated)
}

fn chaos<'z, Z: Zones>(asked: &Asked, zones: &'z Z) -> (Finding, Sections<'z>, bool) {
    let text: &[u8] = match asked.name.bytes() {
        b"\x07version\x04bind\0" | b"\x07version\x06server\0" => zones.version(),
        b"\x08hostname\x04bind\0" | b"\x02id\x06server\0" => zones.identity(),
        _ => &[],
    };
    if text.is_empty() || !matches!(asked.r#type, Type::TXT | Type::ANY) {
        return (Finding::Untold, Sections::Nothing, false);
    }
    (Finding::Chaos, Sections::Text(text), false)
}

fn without_question<Z: Zones>(cookie: Cookie, client: Address, zones: &Z) -> Finding {
    let gives = |part| zones.server_cookie(part, client).is_some();
    match cookie {
        Cookie::Client(part) if gives(part) => Finding::Cookie,
        Cookie::Both(part, server) if zones.is_server_cookie(part, client, server) => Finding::Cookie,
        Cookie::Both(part, _) | Cookie::Foreign(part) if gives(part) => Finding::BadCookie,
        Cookie::Absent | Cookie::Malformed | Cookie::Client(_) | Cookie::Both(..) | Cookie::Foreign(_) => {
            Finding::Questions
        }
    }
}

/// What there is at a name.
enum Found<'z> {
    Name(Entry<'z>, Stale),
    /// Nothing, in a zone whose apex's name begins at that offset of the name.
    Nothing {
        apex: &'z AnswerSet,
        offset: usize,
    },
}

impl<'z> Found<'z> {
    fn by_name<P: Packet, Z: Zones>(
        packet: &P,
        asked: &Asked,
        client: Address,
        zones: &'z Z,
    ) -> Option<Self> {
        let tables = zones.tables();
        let settings = tables.settings()?;
        let of_client = answer::view_of(packet, client, tables, settings).1;
        let stale = Stale::for_sockets(packet, tables, settings);
        let view = of_client | stale.view;
        let mut apexes = asked
            .name
            .suffixes()
            .filter_map(|(offset, suffix)| find_apex(suffix, tables, view).map(|entry| (offset, entry)));
        match apexes.next()? {
            (0, apex) => Some(Self::Name(apex, stale)),
            (offset, apex) => Some(match zones.below(asked.name.bytes(), of_client) {
                // Who has which name does not depend on anybody's health.
                Some(set) => Self::Name(Entry { slot: 0, set }, Stale::FRESH),
                None => Self::Nothing { apex: apex.set, offset },
            }),
        }
    }
}

/// The answer set of a name in wire form and lower case.
fn find_apex<'z, T: tables::Tables>(name: &[u8], tables: &'z T, view: u32) -> Option<Entry<'z>> {
    let mut wire = [0; MAX_LENGTH];
    wire.get_mut(..name.len())?.copy_from_slice(name);
    let words = name::words(&wire);
    let sum = tables::name_sum(&words, name.len());
    answer::find_set(&words, sum, name.len(), tables, tables.settings()?.names, view)
}
