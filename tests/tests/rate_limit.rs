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
        action::{DROP, PASS, TX},
        dissect::Datagram,
        file::Hex,
        frame::Frame,
        message::{Edns, Message},
        tables::TableSet,
        zone::Host,
    },
    veth::Veth,
};
use tgdns::{
    self_test::{Age, Findings},
    xdp::Program,
};
use tgdns_common::transport::Transport;

const RATE: usize = 100;
const NAME: &str = "internet.intern.netz";
/// Of a plain query.
const SOURCE: usize = 26;
const IP_CHECKSUM: usize = 24;
const UDP_CHECKSUM: usize = 40;

/// `limit` is what is said of it; a line behind that says something else.
fn tables(limit: &str, servers: usize) -> Result<TableSet> {
    let (limit, more) = limit.split_once('\n').unwrap_or((limit, ""));
    let text = format!(
        "rate_limit = {{ {limit} }}\n{more}\n\
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

impl Seen {
    fn amplification(&self) -> f64 {
        self.sent_bytes as f64 / self.asked_bytes as f64
    }
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

/// Forwarders inside need not be listed.
#[test]
fn private_networks_are_limited_only_if_it_is_said() -> Result<()> {
    for (said, is_limited) in [("", false), (", exempt_private = false", true)] {
        let mut limited = Limited::new(&format!("responses_per_second = 1, slip = 0{said}"), 3)?;
        for client in
            ["10.10.10.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.0.1", "fd00::1", "fe80::1"]
        {
            let frame = query(Some(client.parse()?), None).build()?;
            let seen = flood(&mut limited, &frame, 100)?;
            ensure!((seen.dropped > 50) == is_limited, "{client}{said}: {} dropped", seen.dropped);
        }
        let outside = query(Some("192.0.2.1".parse()?), None).build()?;
        ensure!(flood(&mut limited, &outside, 100)?.dropped > 50, "others are not limited: {said}");
    }
    Ok(())
}

/// What is passed up comes no oftener than what is answered, so that a flood of it leaves room in the sockets' queues. Who asks
/// well is sent to TCP.
#[test]
fn what_the_sockets_get_is_limited_too() -> Result<()> {
    for (kind, message, is_read) in [
        ("NS", Message { qname: NAME.into(), qtype: "NS".into(), ..Message::default() }, true),
        ("another name", Message { qname: "example.com".into(), ..Message::default() }, true),
        ("another class", Message { qname: NAME.into(), qclass: 3, ..Message::default() }, false),
        ("another opcode", Message { qname: NAME.into(), flags: 0x2000, ..Message::default() }, false),
    ] {
        let frame = Frame { message, ..Frame::default() }.build()?;
        let mut limited = Limited::new(&format!("responses_per_second = {RATE}, slip = 2"), 3)?;
        let (mut passed, mut slipped, mut dropped) = (0, 0, 0);
        const QUERIES: usize = 2000;
        for _ in 0..QUERIES {
            match limited.ask(&frame)? {
                (PASS, _) => passed += 1,
                (DROP, _) => dropped += 1,
                (TX, reply) => {
                    let said = Reply::from_vec(&Datagram::parse(&reply)?.message)?;
                    ensure!(said.metadata.truncation && said.answers.is_empty(), "{kind}: {said:?}");
                    slipped += 1;
                }
                (other, _) => anyhow::bail!("{kind}: action {other}"),
            }
        }
        println!("{kind}: {passed} passed, {slipped} sent to TCP, {dropped} dropped of {QUERIES}");
        ensure!((RATE..QUERIES / 2).contains(&passed), "{kind}: {passed} passed");
        let expected = if is_read { dropped } else { 0 };
        ensure!(is_near(slipped, expected, QUERIES), "{kind}: {slipped} sent to TCP, {dropped} dropped");
        // Another network's still come through.
        let other = query(Some(Ipv4Addr::new(203, 0, 113, 9).into()), None);
        let other = Frame { message: Message { qtype: "NS".into(), ..other.message }, ..other }.build()?;
        ensure!(limited.ask(&other)?.0 == PASS, "{kind}: others are limited, too");
    }
    Ok(())
}

/// Without sockets of its own it neither drops what another server may be asked, nor sends anybody to that over TCP.
#[test]
fn other_servers_queries_are_left_alone() -> Result<()> {
    let mut limited = Limited::new("responses_per_second = 1, slip = 1\nno_sockets = true", 3)?;
    let other = Message { qname: "example.com".into(), ..Message::default() };
    let other = Frame { message: other, ..Frame::default() }.build()?;
    for turn in 0..100 {
        let (action, frame) = limited.ask(&other)?;
        ensure!(action == PASS && frame == other, "{turn}: action {action}");
    }
    let seen = flood(&mut limited, &query(None, None).build()?, 100)?;
    ensure!(seen.dropped >= 99 && seen.slipped == 0, "{} dropped, {} slipped", seen.dropped, seen.slipped);
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
    const PIECE: u32 = SOURCES / 20;
    let mut limited = Limited::new("responses_per_second = 1, slip = 0", 1)?;
    let mut frame = query(None, None).build()?;
    // Without a checksum, which would be another for each source.
    frame[UDP_CHECKSUM..UDP_CHECKSUM + 2].fill(0);
    let header = u32::from(u16::from_be_bytes([frame[IP_CHECKSUM], frame[IP_CHECKSUM + 1]]));
    let source = |frame: &[u8]| u16::from_be_bytes([frame[SOURCE], frame[SOURCE + 1]]);
    let second = |frame: &[u8]| u16::from_be_bytes([frame[SOURCE + 2], frame[SOURCE + 3]]);
    let (first_source, first_second) = (source(&frame), second(&frame));
    let (mut answered, mut dropped) = (0_u32, 0_u32);
    let (mut memory, mut grew) = (memory()?, Vec::new());
    for number in 0..SOURCES {
        if number % PIECE == PIECE - 1 {
            let now = self::memory()?;
            grew.push(now.saturating_sub(std::mem::replace(&mut memory, now)));
        }
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
    // Others on this machine take some as well, but not all the time.
    let least = grew.iter().min().copied().unwrap_or(u64::MAX);
    println!(
        "{answered} answered, {dropped} dropped; at least {least} KiB of kernel memory more for {PIECE} of them"
    );
    // One in 65,536 has the tag of another in its bucket.
    ensure!(dropped < SOURCES / 1000, "{dropped} dropped for what others asked");
    ensure!(least < 512, "kernel memory grows, in KiB: {grew:?}");
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

/// By default forged queries of a network get less than three times as many bytes as they have, on both paths, even where 64 servers
/// are told.
#[test]
fn a_flood_is_not_amplified() -> Result<()> {
    const QUERIES: usize = 10_000;
    for edns in [None, Some(Edns::default())] {
        let frame = query(None, edns.clone()).build()?;
        let other = query(Some(Ipv4Addr::new(203, 0, 113, 9).into()), edns).build()?;
        let mut limited = Limited::new("", 64)?;
        let once = flood(&mut limited, &other, 1)?;
        let fast = flood(&mut limited, &frame, QUERIES)?;
        let slow = flood_sockets(&Host::new(&tables("", 64)?), &frame, QUERIES)?;
        println!(
            "one answer has {:.2} times the bytes of its query; of a flood of {QUERIES} the program's have {:.2} times, the \
             sockets' {:.2} times",
            once.amplification(),
            fast.amplification(),
            slow.amplification()
        );
        for seen in [fast, slow] {
            ensure!(seen.answered >= 200 && seen.slipped > 0, "{} answered", seen.answered);
            ensure!(seen.amplification() < 3.0, "{:.2}", seen.amplification());
        }
    }
    Ok(())
}

/// The same flood, as it reaches the sockets.
fn flood_sockets(host: &Host, frame: &[u8], queries: usize) -> Result<Seen> {
    let asked = Datagram::parse(frame)?;
    let headers = frame.len() - asked.message.len();
    let mut seen = Seen::default();
    for _ in 0..queries {
        seen.asked_bytes += frame.len();
        let Some(reply) = host.ask(Transport::Udp, asked.source, &asked.message) else {
            seen.dropped += 1;
            continue;
        };
        seen.sent_bytes += headers + reply.len();
        match Reply::from_vec(&reply)?.metadata.truncation {
            true => seen.slipped += 1,
            false => seen.answered += 1,
        }
    }
    Ok(seen)
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
