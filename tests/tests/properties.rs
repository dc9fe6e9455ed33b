//! What holds for every frame, whatever it is.

use std::{net::IpAddr, sync::LazyLock};

use anyhow::{Context as _, Result, ensure};
use hickory_proto::{
    op::{Message, MessageType, OpCode},
    rr::{RData, Record, RecordType},
};
use proptest::{prelude::*, sample::Index};
use tests::vectors::{
    self, Vector,
    check::Outcome,
    dissect::Datagram,
    file::Hex,
    frame::{Frame, Tag},
    host::HostFrame,
    message::{Edns, Message as Described},
    tables::{Live, TableSet},
    zone::Host,
};
use tgdns_common::transport::Transport;

const HEAD: usize = 256;
const TAIL: usize = 2048;

static VECTORS: LazyLock<Vec<Vector>> =
    LazyLock::new(|| vectors::all().expect("the vectors are well-formed"));

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// `HostFrame::respond` itself asserts that a passed frame is as it came.
    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for set in ["cluster", "empty"] {
            let (outcome, _) = HostFrame::new(&bytes, HEAD, TAIL).respond(&tables(set).image());
            prop_assert!(!matches!(outcome, Outcome::Sent(_)));
        }
    }

    #[test]
    fn mutated_frames_are_answered_rightly_or_not_at_all(
        which in any::<Index>(),
        edits in prop::collection::vec((any::<Index>(), any::<u8>()), 0..4),
        cut in prop::option::weighted(0.2, any::<Index>()),
        more in prop::collection::vec(any::<u8>(), 0..20),
        room in prop_oneof![Just((HEAD, 0)), Just((0, TAIL)), (0..300_usize, 0..600_usize)],
    ) {
        let vector = which.get(&VECTORS);
        let mut frame = vector.frame.clone();
        for (place, byte) in &edits {
            let place = place.index(frame.len());
            frame[place] = *byte;
        }
        if let Some(cut) = cut {
            frame.truncate(cut.index(frame.len()));
        }
        frame.extend(more);
        let (outcome, counter) = HostFrame::new(&frame, room.0, room.1).respond(&vector.tables.image());
        if let Outcome::Sent(reply) = outcome {
            // Whatever the fast path answers the slow path answers likewise, by either way.
            let asked = Datagram::parse(&frame).expect("a query");
            let message = Datagram::parse(&reply).expect("a reply").message;
            for way in [Host::ask, Host::ask_by_the_rules] {
                let said = way(&Host::new(&vector.tables), Transport::Udp, asked.source, &asked.message);
                prop_assert_eq!(said.as_deref(), Some(&message[..]), "{:02x?}", frame);
            }
            let judged = judge(&frame, &reply, counter, &vector.tables);
            prop_assert!(judged.is_ok(), "{judged:?} for {frame:02x?} and {reply:02x?}");
        }
    }

    #[test]
    fn plain_queries_are_all_answered(query in plain_query()) {
        let tables = tables("cluster");
        let frame = query.build().expect("it can be built");
        let (outcome, counter) = HostFrame::new(&frame, HEAD, TAIL).respond(&tables.image());
        let Outcome::Sent(reply) = outcome else { panic!("{counter}: {query:?}") };
        let judged = judge(&frame, &reply, counter, tables);
        prop_assert!(judged.is_ok(), "{judged:?} for {frame:02x?} and {reply:02x?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Both paths answer a plain query with the same message, and so do the rules for messages that are none.
    #[test]
    fn all_ways_lead_to_the_same_message(query in plain_query(), policy in prop::option::weighted(0.1, policy_name())) {
        let tables = tables(if policy.is_some() { "policies" } else { "cluster" });
        let query = match policy {
            Some(name) => Frame {
                tags: vec![],
                destination_mac: Hex(vec![2, 0, 0, 0, 0, 0x53]),
                destination: None,
                message: Described { qname: name.to_owned(), ..query.message },
                ..query
            },
            None => query,
        };
        let frame = query.build().expect("it can be built");
        let (outcome, counter) = HostFrame::new(&frame, HEAD, TAIL).respond(&tables.image());
        let Outcome::Sent(reply) = outcome else { panic!("{counter}: {query:?}") };
        let reply = Datagram::parse(&reply).expect("a reply").message;
        let asked = Datagram::parse(&frame).expect("a query");
        // A table set's image starts its rotation anew.
        for way in [Host::ask, Host::ask_by_the_rules] {
            let said = way(&Host::new(tables), Transport::Udp, asked.source, &asked.message);
            prop_assert_eq!(said.as_deref(), Some(&reply[..]), "{:?}", query);
        }
    }
}

/// All identifiers give all values of the checksum's field, the one among them that may not be sent as it is, too.
#[test]
fn checksums_are_right_whatever_they_come_to() -> Result<()> {
    let tables = tables("cluster");
    let image = tables.image();
    for version in [4, 6] {
        for id in 0..=u16::MAX {
            let message = Described { id, qname: "single.intern.netz".into(), ..Described::default() };
            let frame = Frame { version, message, ..Frame::default() }.build()?;
            let mut frame = HostFrame::new(&frame, HEAD, TAIL);
            frame.respond(&image);
            let reply = Datagram::parse(frame.bytes())?;
            ensure!(reply.source_port == 53, "{id:#06x} is not answered");
            let udp = frame.bytes().len() - reply.message.len() - 8;
            ensure!(frame.bytes()[udp + 6..udp + 8] != [0, 0], "{id:#06x}: no checksum");
        }
    }
    Ok(())
}

fn tables(name: &str) -> &'static TableSet {
    let vector = VECTORS.iter().find(|vector| vector.tables.name == name).expect("a vector uses the tables");
    &vector.tables
}

fn policy_name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "one.weighted.netz",
        "two.weighted.netz",
        "all.weighted.netz",
        "sticky.netz",
        "uneven.netz",
        "all.down.netz",
        "last.down.netz",
        "weighted.down.netz",
        "servfail.down.netz",
        "refused.down.netz",
        "nodata.down.netz",
        "large.down.netz",
        "six.down.netz",
    ])
}

prop_compose! {
    fn plain_query()(
        name in prop::sample::select(vec![
            "internet.intern.netz", "both.intern.netz", "six.intern.netz", "single.intern.netz", "none.intern.netz",
        ]),
        capitals in any::<u64>(),
        qtype in prop::sample::select(vec!["A", "AAAA", "SOA", "ANY", "HTTPS", "TXT", "TYPE65280"]),
        id in any::<u16>(),
        flags in prop::sample::select(vec![0_u16, 0x0100, 0x0010, 0x0020, 0x0130]),
        edns in prop::option::of((any::<u16>(), any::<u16>(), prop::collection::vec(any::<u8>(), 0..40))),
        version in prop::sample::select(vec![4_u8, 6]),
        place in 0..2_usize,
        priority in 0..8_u8,
        source_port in 1024..=u16::MAX,
        client in 1..=u16::MAX,
        trailer in prop::collection::vec(any::<u8>(), 0..40),
    ) -> Frame {
        let qname = name.char_indices().map(|(index, letter)| {
            if capitals >> index & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
        });
        let edns = edns.map(|(size, flags, data)| {
            let length = u8::try_from(data.len()).expect("short data");
            let options = if length == 0 { vec![] } else { [&[0xfd, 0xe9, 0, length][..], &data].concat() };
            Edns { size, flags, options: Hex(options), ..Edns::default() }
        });
        let last = [0x53, 0x54][place];
        let [high, low] = client.to_be_bytes();
        let source: IpAddr = if version == 4 { [10, 1, high, low].into() } else {
            [0x2001, 0xdb8, 1, 0, 0, 0, 0, client].into()
        };
        let destination: IpAddr = if version == 4 { [192, 0, 2, 53 + last - 0x53].into() } else {
            [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(last)].into()
        };
        let tag = Tag { vlan: if place == 0 { 0 } else { 100 }, priority, r#type: 0x8100 };
        Frame {
            destination_mac: Hex(vec![2, 0, 0, 0, 0, last]),
            tags: if place == 0 && priority < 4 { vec![] } else { vec![tag] },
            version,
            source: Some(source),
            destination: Some(destination),
            source_port,
            message: Described { id, flags, qname: qname.collect(), qtype: qtype.into(), edns, ..Described::default() },
            padding: Hex(trailer),
            ..Frame::default()
        }
    }
}

/// Whether a reply is what the tables say, to the last field; read by code that shares nothing with the responder's.
fn judge(query: &[u8], reply: &[u8], counter: &str, tables: &TableSet) -> Result<()> {
    let query = Datagram::parse(query).context("the query that was answered")?;
    let reply = Datagram::parse(reply).context("the reply")?;
    ensure!(reply.trailer == 0, "{} bytes behind the reply", reply.trailer);
    ensure!(
        (reply.destination_mac, reply.source_mac, &reply.tags)
            == (query.source_mac, query.destination_mac, &query.tags),
        "it goes another way than the query came"
    );
    ensure!(
        (reply.destination, reply.source) == (query.source, query.destination),
        "the addresses are wrong"
    );
    ensure!(
        (reply.destination_port, reply.source_port) == (query.source_port, query.destination_port),
        "the ports are wrong"
    );
    let (question, _) = query.question()?;
    ensure!(reply.question()?.0 == question, "the question was changed");

    let asked = Message::from_vec(&query.message).context("the query's message")?;
    let said = Message::from_vec(&reply.message).context("the reply's message")?;
    let (ask, say) = (&asked.metadata, &said.metadata);
    ensure!(say.id == ask.id && say.message_type == MessageType::Response, "not its answer: {say:?}");
    ensure!(say.op_code == OpCode::Query, "{say:?}");
    ensure!(
        say.authoritative && !say.truncation && !say.recursion_available && !say.authentic_data,
        "{say:?}"
    );
    ensure!(
        say.recursion_desired == ask.recursion_desired && say.checking_disabled == ask.checking_disabled,
        "{say:?}"
    );
    ensure!(said.queries.len() == 1 && said.additionals.is_empty(), "other sections: {said:?}");

    let size = match (&asked.edns, &said.edns) {
        (None, None) => 512,
        (Some(ask), Some(say)) => {
            ensure!(say.max_payload() == 1232 && say.version() == 0 && say.rcode_high() == 0, "{say:?}");
            ensure!(say.flags().dnssec_ok == ask.flags().dnssec_ok && say.flags().z == 0, "{say:?}");
            ensure!(say.options().as_ref().len() <= 1, "{say:?}");
            ask.max_payload().clamp(512, 1232)
        }
        (ask, say) => anyhow::bail!("asked with {ask:?}, answered with {say:?}"),
    };
    ensure!(reply.message.len() <= usize::from(size), "{} bytes for {size}", reply.message.len());

    let name = said.queries[0].name().to_ascii().to_lowercase();
    let live = tables
        .handed_out(name.trim_end_matches('.'), query.source)
        .with_context(|| format!("{name} is not in the tables"))?;
    let is_soa = counter == "answered_soa"
        || said.answers.iter().any(|record| record.record_type() == RecordType::SOA);
    let rcode = if said.answers.is_empty() && !is_soa { live.rcode } else { 0 };
    ensure!(u16::from(say.response_code) == rcode, "RCODE {rcode}: {say:?}");
    let has_option = said.edns.as_ref().is_some_and(|edns| !edns.options().as_ref().is_empty());
    let expected = live.extended_error.filter(|_| said.edns.is_some());
    ensure!(has_option == expected.is_some(), "EDE {expected:?}: {:?}", said.edns);
    if let Some(code) = expected {
        let option = [15_u16, 2, code].into_iter().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        ensure!(reply.message.ends_with(&option), "EDE {code}: {:02x?}", reply.message);
    }
    ensure!(
        ["answered_without_live", "answered_stale"].contains(&counter) == live.extended_error.is_some(),
        "counted as {counter}"
    );
    let wanted = said.queries[0].query_type();
    judge_records(&said, wanted, counter, &live, usize::from(size) - (reply.message.len()))
}

/// `room` is what the client would take beyond the reply.
fn judge_records(said: &Message, wanted: RecordType, counter: &str, live: &Live, room: usize) -> Result<()> {
    let first = said.answers.first().map(Record::record_type);
    let family = match (counter, first) {
        ("answered_a", _) | ("answered_without_live" | "answered_stale", Some(RecordType::A)) => {
            Some((RecordType::A, IpAddr::is_ipv4 as fn(&IpAddr) -> bool, 16))
        }
        ("answered_aaaa", _) | ("answered_without_live" | "answered_stale", Some(RecordType::AAAA)) => {
            Some((RecordType::AAAA, IpAddr::is_ipv6 as fn(&IpAddr) -> bool, 28))
        }
        _ => None,
    };
    let of = |kind: fn(&IpAddr) -> bool| live.addresses.iter().any(kind);
    let Some((record_type, is_family, record_size)) = family else {
        let (soa, other) = match (counter, first) {
            ("answered_soa", _) | ("answered_without_live" | "answered_stale", Some(RecordType::SOA)) => {
                (&said.answers, &said.authorities)
            }
            _ => (&said.authorities, &said.answers),
        };
        ensure!(soa.len() == 1 && soa[0].record_type() == RecordType::SOA && other.is_empty(), "{said:?}");
        let RData::SOA(data) = &soa[0].data else { anyhow::bail!("no SOA: {soa:?}") };
        ensure!(soa[0].ttl == data.minimum, "the negative TTL is not MINIMUM: {soa:?}");
        ensure!(soa[0].name == *said.queries[0].name(), "the zone is another: {soa:?}");
        let has_data = (wanted == RecordType::A && of(IpAddr::is_ipv4))
            || (wanted == RecordType::AAAA && of(IpAddr::is_ipv6))
            || (wanted == RecordType::ANY && !live.addresses.is_empty());
        ensure!(!has_data, "negative, but there are {:?}", live.addresses);
        return Ok(());
    };
    ensure!(wanted == record_type || wanted == RecordType::ANY, "asked {wanted}, answered {record_type}");
    ensure!(said.authorities.is_empty(), "{said:?}");
    let expected: Vec<IpAddr> = live.addresses.iter().filter(|address| is_family(address)).copied().collect();
    let actual = said.answers.iter().map(address).collect::<Result<Vec<_>>>()?;
    ensure!(said.answers.iter().all(|record| record.ttl == live.ttl), "TTLs: {:?}", said.answers);
    ensure!(said.answers.iter().all(|record| record.name == *said.queries[0].name()), "{:?}", said.answers);
    let most = expected.len().min(live.limit);
    ensure!(
        actual.len() == most || (actual.len() < most && room < record_size),
        "{} of {most} addresses, with room for {room} bytes more",
        actual.len()
    );
    if !live.rotates {
        let are_live = actual.iter().all(|address| expected.contains(address));
        let mut different = actual.clone();
        different.sort_unstable();
        different.dedup();
        ensure!(are_live && different.len() == actual.len(), "{actual:?} of {expected:?}");
        return Ok(());
    }
    let start =
        expected.iter().position(|address| Some(address) == actual.first()).context("no live address")?;
    let window: Vec<IpAddr> = expected.iter().cycle().skip(start).take(actual.len()).copied().collect();
    ensure!(actual == window, "{actual:?} is no rotation of {expected:?}");
    Ok(())
}

fn address(record: &Record) -> Result<IpAddr> {
    if let RData::A(address) = &record.data {
        Ok(IpAddr::V4(address.0))
    } else if let RData::AAAA(address) = &record.data {
        Ok(IpAddr::V6(address.0))
    } else {
        anyhow::bail!("{record:?} has no address")
    }
}
