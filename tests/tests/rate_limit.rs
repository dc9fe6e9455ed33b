//! Response rate limiting in the kernel: who is answered how often, what the others are told, and what a flood can take.

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr},
};

use anyhow::{Context as _, Result, ensure};
use hickory_proto::op::{Message as Reply, MessageType, ResponseCode};
use tests::{
    vectors::{
        self,
        action::{DROP, TX},
        dissect::Datagram,
        file::Hex,
        frame::Frame,
        message::{Edns, Message},
        tables::TableSet,
    },
    veth::Veth,
};
use tgdns::{
    self_test::{Age, Findings},
    xdp::Program,
};

const RATE: usize = 100;
const NAME: &str = "internet.intern.netz";
/// Of a plain query.
const SOURCE: usize = 26;
const IP_CHECKSUM: usize = 24;
const UDP_CHECKSUM: usize = 40;

fn tables(limit: &str, servers: usize) -> Result<TableSet> {
    let text = format!(
        "rate_limit = {{ {limit} }}\n\
         services = [{{ address = \"192.0.2.53\", mac = \"02:00:00:00:00:53\" }}, \
                     {{ address = \"2001:db8::53\", mac = \"02:00:00:00:00:53\" }}]\n\
         [[cluster]]\nname = \"{NAME}\"\nservers = [{{ address = \"10.10.10.100\", count = {servers} }}]\n"
    );
    TableSet::new("limited", toml::from_str(&text)?)
}

/// The program, and the device whose frames it is given.
struct Limited {
    program: Program,
    interface: u32,
    _veth: Veth,
}

impl Limited {
    fn new(limit: &str, servers: usize) -> Result<Self> {
        let mut program = Program::load(None)?;
        tables(limit, servers)?.publish_to(&mut program)?;
        let veth = Veth::new()?;
        Ok(Self { program, interface: veth.number()?, _veth: veth })
    }

    fn ask(&mut self, frame: &[u8]) -> Result<(u32, Vec<u8>)> {
        self.program.test_run_from(self.interface, frame)
    }
}

fn query(source: Option<IpAddr>, edns: Option<Edns>) -> Frame {
    let version = if source.is_some_and(|source| source.is_ipv6()) { 6 } else { 4 };
    let message = Message { qname: NAME.into(), edns, ..Message::default() };
    Frame { source, version, message, ..Frame::default() }
}

/// What became of queries that came all at once.
#[derive(Default)]
struct Seen {
    answered: usize,
    slipped: usize,
    dropped: usize,
    /// Bytes of frames.
    asked_bytes: usize,
    sent_bytes: usize,
}

fn flood(limited: &mut Limited, frame: &[u8], queries: usize) -> Result<Seen> {
    let mut seen = Seen::default();
    for _ in 0..queries {
        let (action, reply) = limited.ask(frame)?;
        seen.asked_bytes += frame.len();
        match action {
            TX => {
                seen.sent_bytes += reply.len();
                let said = Reply::from_vec(&Datagram::parse(&reply)?.message)?;
                match said.metadata.truncation {
                    true => seen.slipped += 1,
                    false => seen.answered += 1,
                }
            }
            DROP => seen.dropped += 1,
            other => anyhow::bail!("action {other}"),
        }
    }
    Ok(seen)
}

/// More than come while the test runs, so that the figures are exact but for a few.
fn is_near(count: usize, expected: usize, of: usize) -> bool {
    count.abs_diff(expected) * 20 <= of
}

#[test]
fn a_network_is_answered_so_often() -> Result<()> {
    let mut limited = Limited::new(&format!("responses_per_second = {RATE}, slip = 2"), 3)?;
    let before: BTreeMap<_, _> = limited.program.counters()?.into_iter().collect();
    let queries = 2000;
    let seen = flood(&mut limited, &query(None, None).build()?, queries)?;
    println!("{} answered, {} slipped, {} dropped of {queries}", seen.answered, seen.slipped, seen.dropped);
    // Those of the time that it takes are answered, too.
    ensure!(seen.answered >= RATE && seen.answered < queries / 2, "{} answered", seen.answered);
    ensure!(
        is_near(seen.slipped, seen.dropped, queries),
        "{} slipped, {} dropped",
        seen.slipped,
        seen.dropped
    );
    let counters = limited.program.counters()?;
    let risen = |name: &str| -> Result<u64> {
        let now = counters.iter().find(|(counter, _)| *counter == name).context("no such counter")?.1;
        Ok(now - before.get(name).copied().unwrap_or(0))
    };
    let counted = (risen("answered_a")?, risen("slipped")?, risen("rate_limited")?);
    ensure!(counted == (seen.answered as u64, seen.slipped as u64, seen.dropped as u64), "{counted:?}");
    // Another network has its own.
    let other = query(Some(Ipv4Addr::new(203, 0, 113, 9).into()), None).build()?;
    ensure!(flood(&mut limited, &other, RATE / 2)?.answered == RATE / 2, "others are limited, too");
    Ok(())
}

/// What slips through tells a client whatever it needs to ask over TCP, in whichever frame it came.
#[test]
fn over_the_limit_a_client_is_sent_to_tcp() -> Result<()> {
    let mut limited = Limited::new("responses_per_second = 1, slip = 1", 3)?;
    let ipv6: IpAddr = "2001:db8::7".parse()?;
    let edns = || Some(Edns { flags: 0x8000, ..Edns::default() });
    let padded = Frame { padding: Hex(vec![0; 30]), ..query(None, edns()) };
    for (kind, frame) in [
        ("plain", query(None, None)),
        ("EDNS", query(None, edns())),
        ("padded", padded),
        ("IPv6", query(Some(ipv6), None)),
        ("IPv6 with EDNS", query(Some(ipv6), edns())),
    ] {
        let asked = frame.build()?;
        limited.ask(&asked)?;
        let (action, reply) = limited.ask(&asked)?;
        ensure!(action == TX, "{kind}: action {action}");
        ensure!(reply.len() <= asked.len(), "{kind}: {} bytes for {}", reply.len(), asked.len());
        let (question, answer) = (Datagram::parse(&asked)?, Datagram::parse(&reply).context(kind)?);
        ensure!((answer.source, answer.destination) == (question.destination, question.source), "{kind}");
        ensure!((answer.source_port, answer.destination_port) == (53, question.source_port), "{kind}");
        ensure!(answer.trailer == 0, "{kind}: {} bytes behind the datagram", answer.trailer);
        let asked = Reply::from_vec(&question.message)?;
        let said = Reply::from_vec(&answer.message).context(kind)?;
        let metadata = &said.metadata;
        ensure!(metadata.truncation && metadata.message_type == MessageType::Response, "{kind}: {said:?}");
        ensure!(
            metadata.id == asked.metadata.id && metadata.response_code == ResponseCode::NoError,
            "{kind}"
        );
        ensure!(said.queries == asked.queries && said.answers.is_empty(), "{kind}: {said:?}");
        ensure!(said.edns.is_some() == asked.edns.is_some(), "{kind}: {said:?}");
    }
    Ok(())
}

#[test]
fn listed_forwarders_are_never_limited() -> Result<()> {
    let mut limited = Limited::new(
        "responses_per_second = 1, slip = 0, exempt = [\"203.0.113.0/24\", \"198.51.100.7/32\"]",
        3,
    )?;
    for (client, is_limited) in
        [([203, 0, 113, 200], false), ([198, 51, 100, 7], false), ([198, 51, 100, 8], true)]
    {
        let frame = query(Some(Ipv4Addr::from(client).into()), None).build()?;
        let seen = flood(&mut limited, &frame, 100)?;
        ensure!((seen.dropped > 50) == is_limited, "{client:?}: {} dropped", seen.dropped);
    }
    Ok(())
}

/// It asks in the name of clients of the service's own network, and `tgdns query` of any.
#[test]
fn the_self_test_is_not_limited_and_takes_no_clients_answers() -> Result<()> {
    const ROUNDS: u64 = 100;
    let limit = "responses_per_second = 1, slip = 0";
    let mut limited = Limited::new(limit, 3)?;
    let (image, mut clients) = (tables(limit, 3)?.image(), Vec::new());
    let mut findings = Findings::default();
    for _ in 0..ROUNDS {
        findings.check(&image, &[Age::Fresh], |frame| {
            clients.push(frame.to_vec());
            limited.program.self_test(frame)
        })?;
    }
    let counted = findings.counted();
    ensure!(counted.answered_a >= ROUNDS && counted.slipped + counted.rate_limited == 0, "{counted:?}");
    // The first of them from the network is answered, as nothing was.
    let client = clients.first().context("nothing was asked")?;
    ensure!(limited.ask(client)?.0 == TX, "the self-test has taken a client's answer");
    let seen = flood(&mut limited, client, 10)?;
    ensure!(seen.dropped >= 9, "{} of 10 dropped", seen.dropped);
    Ok(())
}

/// Ten million clients, each in a network of its own: none is limited for the others, no memory grows, and who was over the limit
/// before still is.
#[test]
fn ten_million_sources_take_no_memory() -> Result<()> {
    const SOURCES: u32 = 10_000_000;
    let mut limited = Limited::new("responses_per_second = 1, slip = 0", 1)?;
    let mut frame = query(None, None).build()?;
    // Without a checksum, which would be another for each source.
    frame[UDP_CHECKSUM..UDP_CHECKSUM + 2].fill(0);
    let header = u32::from(u16::from_be_bytes([frame[IP_CHECKSUM], frame[IP_CHECKSUM + 1]]));
    let source = |frame: &[u8]| u16::from_be_bytes([frame[SOURCE], frame[SOURCE + 1]]);
    let second = |frame: &[u8]| u16::from_be_bytes([frame[SOURCE + 2], frame[SOURCE + 3]]);
    let (first_source, first_second) = (source(&frame), second(&frame));
    let memory = memory()?;
    let (mut answered, mut dropped) = (0_u32, 0_u32);
    for number in 0..SOURCES {
        let [_, a, b, c] = number.to_be_bytes();
        // Neither 0/8 nor 127/8, which no client has.
        let first = if a < 126 { a + 1 } else { a + 2 };
        frame[SOURCE..SOURCE + 4].copy_from_slice(&[first, b, c, 1]);
        // RFC 1624.
        let mut sum = !header & 0xffff;
        for (old, new) in [(first_source, source(&frame)), (first_second, second(&frame))] {
            sum += u32::from(!old) + u32::from(new);
        }
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        frame[IP_CHECKSUM..IP_CHECKSUM + 2].copy_from_slice(&(!sum as u16).to_be_bytes());
        match limited.ask(&frame)?.0 {
            TX => answered += 1,
            DROP => dropped += 1,
            other => anyhow::bail!("{number}: action {other}"),
        }
    }
    let after = self::memory()?;
    println!(
        "{answered} answered, {dropped} dropped; {} KiB of kernel memory more",
        after.saturating_sub(memory)
    );
    // One in 65,536 has the tag of another in its bucket.
    ensure!(dropped < SOURCES / 1000, "{dropped} dropped for what others asked");
    ensure!(after < memory + 4096, "{memory} KiB before, {after} KiB after");
    Ok(())
}

/// What the kernel has allocated for itself, in KiB.
fn memory() -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let of = |name: &str| -> Result<u64> {
        let line =
            text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    };
    Ok(of("SUnreclaim:")? + of("VmallocUsed:")? + of("Percpu:")?)
}

/// Forged queries of a network get less than three times as many bytes as they have, by the defaults of `[dns.rate_limit]`, even
/// where 64 servers are told.
#[test]
fn a_flood_is_not_amplified() -> Result<()> {
    let mut limited = Limited::new("responses_per_second = 200, slip = 2", 64)?;
    let frame = query(None, Some(Edns::default())).build()?;
    let once = flood(
        &mut limited,
        &query(Some(Ipv4Addr::new(203, 0, 113, 9).into()), Some(Edns::default())).build()?,
        1,
    )?;
    let seen = flood(&mut limited, &frame, 10_000)?;
    let of = |seen: &Seen| seen.sent_bytes as f64 / seen.asked_bytes as f64;
    println!("one answer {:.2} times its query, a flood {:.2} times", of(&once), of(&seen));
    ensure!(of(&seen) < 3.0, "{:.2}", of(&seen));
    Ok(())
}

/// As many records as a usual cluster has: without any limit such answers are no good to who forges sources.
#[test]
fn answers_of_up_to_five_records_are_less_than_three_times_their_queries() -> Result<()> {
    const RECORDS: usize = 5;
    let mut worst = (0.0, String::new());
    let mut program = Program::load(None)?;
    let mut published = "";
    for vector in &vectors::all()? {
        if published != vector.tables.name {
            vector.tables.publish_to(&mut program)?;
            published = &vector.tables.name;
        }
        let (action, reply) = program.test_run(&vector.frame, 1)?;
        if action != TX || Reply::from_vec(&Datagram::parse(&reply)?.message)?.answers.len() > RECORDS {
            continue;
        }
        let ratio = reply.len() as f64 / vector.frame.len() as f64;
        if ratio > worst.0 {
            worst = (ratio, vector.name.clone());
        }
    }
    let (ratio, name) = worst;
    println!("at most {ratio:.2} times the query: {name}");
    ensure!((1.0..3.0).contains(&ratio), "{name}: {ratio:.2}");
    Ok(())
}
