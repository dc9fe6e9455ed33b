//! What the slow path replies to every kind of message, in rows: what is asked, and the reply in one line.
//!
//! The replies are read by a DNS library of its own.

use std::net::IpAddr;

use anyhow::{Context as _, Result};
use hickory_proto::{op::Message as Parsed, rr::Record};
use tests::vectors::{
    self,
    file::Hex,
    message::{Edns, Message},
    zone::{CLIENT, Host},
};
use tgdns_common::transport::Transport::{self, Tcp, Udp};

fn host() -> Host {
    Host::new(&vectors::table_set("zone").expect("the tables are well-formed"))
}

fn asked(qname: &str, qtype: &str) -> Message {
    Message { qname: qname.into(), qtype: qtype.into(), ..Message::default() }
}

fn apex() -> Message {
    asked("internet.intern.netz", "A")
}

fn with_edns(edns: Edns) -> Message {
    Message { edns: Some(edns), ..apex() }
}

fn options(hex: &[u8]) -> Message {
    with_edns(Edns { options: Hex(hex.to_vec()), ..Edns::default() })
}

/// The message, and the reply: RCODE, flags, sections with types and data, OPT; or `silent`.
#[track_caller]
fn check(transport: Transport, message: &Message, expected: &str) {
    let bytes = message.build().expect("it can be built");
    let said = host().ask(transport, CLIENT, &bytes);
    let shown = said.as_deref().map_or(Ok("silent".to_owned()), |reply| show(&bytes, reply));
    assert_eq!(shown.expect("the reply can be read"), expected, "{message:?}: {said:02x?}");
}

fn show(query: &[u8], reply: &[u8]) -> Result<String> {
    anyhow::ensure!(reply[..2] == query[..2] && reply[2] & 0x80 != 0, "it is no reply to this");
    let parsed = Parsed::from_vec(reply).context("the library can't read it")?;
    let rcode = u16::from(parsed.metadata.response_code);
    let flags = u16::from_be_bytes([reply[2], reply[3]]);
    let mut words = vec![format!("rcode {rcode}")];
    for (bit, name) in [
        (0x0400, "aa"),
        (0x0200, "tc"),
        (0x0100, "rd"),
        (0x80, "ra"),
        (0x40, "z"),
        (0x20, "ad"),
        (0x10, "cd"),
    ] {
        words.extend((flags & bit != 0).then(|| name.to_owned()));
    }
    if flags >> 11 & 15 != 0 {
        words.push(format!("opcode {}", flags >> 11 & 15));
    }
    words.extend(parsed.queries.is_empty().then(|| "no question".to_owned()));
    for (name, records) in [("an", &parsed.answers), ("ns", &parsed.authorities), ("ar", &parsed.additionals)]
    {
        let mut records: Vec<String> = records.iter().map(record).collect();
        records.sort();
        words.extend((!records.is_empty()).then(|| format!("{name} {}", records.join(", "))));
    }
    if let Some(edns) = &parsed.edns {
        let mut opt = format!("opt {} v{}", edns.max_payload(), edns.version());
        if edns.flags().dnssec_ok {
            opt.push_str(" do");
        }
        for (code, data) in edns.options().as_ref() {
            let bytes = Vec::<u8>::try_from(data)?;
            let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            opt.push_str(&format!(" {}={text}", u16::from(*code)));
        }
        words.push(opt);
    }
    Ok(words.join("; "))
}

fn record(record: &Record) -> String {
    format!("{} {} {} {}", record.name, record.ttl, record.record_type(), record.data)
}

const A: &str = "an internet.intern.netz. 1 A 192.168.1.100, internet.intern.netz. 1 A 192.168.1.101, \
                 internet.intern.netz. 1 A 192.168.1.102";
const SOA: &str = "internet.intern.netz. 5 SOA server-1.internet.intern.netz. \
                   hostmaster.internet.intern.netz. 1 1200 180 1209600 5";
const NS: &str = "internet.intern.netz. 3600 NS server-1.internet.intern.netz., \
                  internet.intern.netz. 3600 NS server-2.internet.intern.netz.";
const GLUE: &str = "server-1.internet.intern.netz. 3600 A 192.168.1.100, \
                    server-2.internet.intern.netz. 3600 A 192.168.1.101";

#[test]
fn plain_queries() {
    check(Udp, &apex(), &format!("rcode 0; aa; rd; {A}"));
    check(Tcp, &apex(), &format!("rcode 0; aa; rd; {A}"));
    check(Udp, &with_edns(Edns::default()), &format!("rcode 0; aa; rd; {A}; opt 1232 v0"));
    check(Udp, &asked("internet.intern.netz", "SOA"), &format!("rcode 0; aa; rd; an {SOA}"));
    check(Udp, &asked("internet.intern.netz", "ANY"), &format!("rcode 0; aa; rd; {A}"));
}

/// Too many addresses are a window without TC over UDP, and all of them over TCP.
#[test]
fn large_answers() {
    let large = Host::new(&vectors::table_set("large").expect("the tables are well-formed"));
    for (transport, qname, qtype, edns, expected) in [
        (Udp, "full.intern.netz", "A", None, 29),
        (Udp, "full.intern.netz", "A", Some(4096), 64),
        (Tcp, "full.intern.netz", "A", None, 64),
        (Udp, "six.intern.netz", "AAAA", Some(1232), 42),
        (Tcp, "six.intern.netz", "AAAA", None, 64),
        (Tcp, "two.intern.netz", "A", None, 2),
    ] {
        let edns = edns.map(|size| Edns { size, ..Edns::default() });
        let query = Message { edns, ..asked(qname, qtype) }.build().expect("a query");
        let reply = large.ask(transport, CLIENT, &query).expect("a reply");
        let parsed = Parsed::from_vec(&reply).expect("a readable reply");
        assert_eq!(parsed.answers.len(), expected, "{transport:?} {qname}");
        assert!(!parsed.metadata.truncation, "{transport:?} {qname}");
    }
}

#[test]
fn nodata() {
    for qtype in
        ["AAAA", "HTTPS", "SVCB", "MX", "TXT", "DS", "DNSKEY", "TYPE0", "OPT", "TKEY", "TYPE128", "TYPE65535"]
    {
        check(Udp, &asked("internet.intern.netz", qtype), &format!("rcode 0; aa; rd; ns {SOA}"));
    }
}

#[test]
fn name_servers() {
    check(Udp, &asked("internet.intern.netz", "NS"), &format!("rcode 0; aa; rd; an {NS}; ar {GLUE}"));
    check(Tcp, &asked("internet.intern.netz", "NS"), &format!("rcode 0; aa; rd; an {NS}; ar {GLUE}"));
    let address = "an server-2.internet.intern.netz. 3600 A 192.168.1.101";
    check(Udp, &asked("server-2.internet.intern.netz", "A"), &format!("rcode 0; aa; rd; {address}"));
    check(Udp, &asked("server-2.internet.intern.netz", "ANY"), &format!("rcode 0; aa; rd; {address}"));
    for qtype in ["AAAA", "NS", "SOA", "TXT"] {
        check(Udp, &asked("server-2.internet.intern.netz", qtype), &format!("rcode 0; aa; rd; ns {SOA}"));
    }
    // The view of whoever asks chooses their addresses, too.
    let query = asked("internet.intern.netz", "NS").build().expect("a query");
    let from_lan: IpAddr = "172.16.1.1".parse().expect("an address");
    let reply = host().ask(Udp, from_lan, &query).expect("a reply");
    let shown = show(&query, &reply).expect("a readable reply");
    assert!(shown.contains("server-1.internet.intern.netz. 3600 A 172.16.0.100"), "{shown}");
}

#[test]
fn names_that_do_not_exist() {
    for name in [
        "extra.internet.intern.netz",
        "a.b.c.internet.intern.netz",
        "x.server-1.internet.intern.netz",
        "server-3.internet.intern.netz",
    ] {
        for (transport, qtype) in [(Udp, "A"), (Udp, "SOA"), (Tcp, "NS"), (Udp, "TYPE65280")] {
            check(transport, &asked(name, qtype), &format!("rcode 3; aa; rd; ns {SOA}"));
        }
    }
    let long = ["x".repeat(63), "y".repeat(63), "z".repeat(63), "w".repeat(40)].join(".");
    check(Udp, &asked(&format!("{long}.internet.intern.netz"), "A"), &format!("rcode 3; aa; rd; ns {SOA}"));
}

/// RFC 8020: what has names below it exists.
#[test]
fn empty_non_terminals() {
    let deep = "rcode 0; aa; rd; an deep.empty.internet.intern.netz. 1 A 10.10.50.1";
    check(Udp, &asked("deep.empty.internet.intern.netz", "A"), deep);
    check(Udp, &asked("empty.internet.intern.netz", "A"), &format!("rcode 0; aa; rd; ns {SOA}"));
    check(Udp, &asked("other.empty.internet.intern.netz", "A"), &format!("rcode 3; aa; rd; ns {SOA}"));
}

#[test]
fn foreign_names() {
    for name in
        ["intern.netz", "netz", "", "example.com", "xinternet.intern.netz", "internet.intern.netz.example"]
    {
        check(Udp, &asked(name, "A"), "rcode 5; rd");
        let edns = Message { edns: Some(Edns::default()), ..asked(name, "A") };
        check(Udp, &edns, "rcode 5; rd; opt 1232 v0 15=0014");
    }
}

#[test]
fn transfers_are_refused() {
    for (transport, qtype, expected) in
        [(Udp, "AXFR", 1), (Tcp, "AXFR", 5), (Udp, "IXFR", 5), (Tcp, "IXFR", 5)]
    {
        check(transport, &asked("internet.intern.netz", qtype), &format!("rcode {expected}; rd"));
    }
}

#[test]
fn header_bits() {
    for flags in [0x0000, 0x0400, 0x0200, 0x0080, 0x0040, 0x0020, 0x000f, 0x06ef] {
        check(Udp, &Message { flags, ..apex() }, &format!("rcode 0; aa; {A}"));
    }
    check(Udp, &Message { flags: 0x0110, ..apex() }, &format!("rcode 0; aa; rd; cd; {A}"));
    check(Udp, &Message { flags: 0x8000, ..apex() }, "silent");
    check(Udp, &Message { message_cut: Some(11), ..apex() }, "silent");
    check(Udp, &Message { message_cut: Some(0), ..apex() }, "silent");
    for opcode in [1_u16, 2, 4, 5, 6, 15] {
        let message = Message { flags: opcode << 11 | 0x0100, ..apex() };
        check(Udp, &message, &format!("rcode 4; rd; opcode {opcode}; no question"));
        check(
            Udp,
            &Message { message_cut: Some(12), ..message },
            &format!("rcode 4; rd; opcode {opcode}; no question"),
        );
    }
}

#[test]
fn questions_and_records() {
    let broken = "rcode 1; rd; no question";
    for counts in [[0, 0, 0, 0], [2, 0, 0, 0], [65535, 0, 0, 0]] {
        check(Udp, &Message { counts: Some(counts), ..apex() }, broken);
    }
    for qname in [&b"\xc0\x0c"[..], b"\x08internet\xc0\x0c", b"\x40\0", b"\x80\0", b"\x08intern", &[1; 300]] {
        check(Udp, &Message { qname_hex: Some(Hex(qname.to_vec())), ..apex() }, broken);
    }
    for cut in 12..37 {
        check(Udp, &Message { message_cut: Some(cut), ..apex() }, broken);
    }
    // A record that is whole is overlooked, one that is not is an error.
    let record = Hex([&b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04"[..], &[1; 4]].concat());
    for counts in [[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]] {
        let whole = Message { counts: Some(counts), records: record.clone(), ..apex() };
        check(Udp, &whole, &format!("rcode 0; aa; rd; {A}"));
        check(Udp, &Message { message_cut: Some(38 + 15), ..whole }, "rcode 1; rd");
        check(Udp, &Message { counts: Some(counts), ..apex() }, "rcode 1; rd");
    }
    check(Udp, &Message { trailer: Hex(vec![0; 3]), ..apex() }, &format!("rcode 0; aa; rd; {A}"));
}

#[test]
fn edns() {
    let do_bit = Edns { flags: 0x8000, ..Edns::default() };
    check(Udp, &with_edns(do_bit), &format!("rcode 0; aa; rd; {A}; opt 1232 v0 do"));
    for version in [1, 255] {
        check(
            Udp,
            &with_edns(Edns { version, flags: 0x8000, ..Edns::default() }),
            "rcode 16; rd; opt 1232 v0 do",
        );
    }
    let unknown = Edns { version: 1, options: Hex(vec![0xff]), ..Edns::default() };
    check(Udp, &with_edns(unknown), "rcode 16; rd; opt 1232 v0");
    check(Udp, &with_edns(Edns { owner: Hex(b"\x01x\0".to_vec()), ..Edns::default() }), "rcode 1; rd");
    check(Udp, &options(&[0, 1, 0, 9, 1]), "rcode 1; rd");
    let second = Edns::default().build().expect("an OPT record");
    check(
        Udp,
        &Message { counts: Some([1, 0, 0, 2]), trailer: Hex(second), ..with_edns(Edns::default()) },
        "rcode 1; rd",
    );
}

#[test]
fn identifier() {
    check(Udp, &options(&[0, 3, 0, 0]), &format!("rcode 0; aa; rd; {A}; opt 1232 v0 3=6c6231"));
    let outside = Message { edns: options(&[0, 3, 0, 0]).edns, ..asked("example.com", "A") };
    check(Udp, &outside, "rcode 5; rd; opt 1232 v0 3=6c6231 15=0014");
    for (name, text) in [
        ("version.bind", "tgdns"),
        ("version.server", "tgdns"),
        ("hostname.bind", "lb1"),
        ("ID.server", "lb1"),
    ] {
        for qtype in ["TXT", "ANY"] {
            let query = Message { qclass: 3, ..asked(name, qtype) };
            check(Udp, &query, &format!("rcode 0; rd; an {name}. 0 TXT {text}"));
        }
    }
    for (name, qtype) in [("version.bind", "A"), ("authors.bind", "TXT"), ("internet.intern.netz", "A")] {
        check(Udp, &Message { qclass: 3, ..asked(name, qtype) }, "rcode 5; rd");
    }
    for qclass in [0, 4, 254, 255, 0x8001] {
        check(Udp, &Message { qclass, ..apex() }, "rcode 5; rd");
    }
}

/// RFC 8945 5.2.1: an unsigned record that says that the key is not known.
#[test]
fn signatures() {
    let mut record = b"\x03key\0\0\xfa\0\xff\0\0\0\0".to_vec();
    let data =
        [&b"\x0bhmac-sha256\0"[..], &[0, 0, 0x65, 0, 0, 0, 1, 44, 0, 4, 1, 2, 3, 4, 0xbe, 0xef, 0, 0, 0, 0]]
            .concat();
    record.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
    record.extend(data);
    let message = Message { counts: Some([1, 0, 0, 1]), records: Hex(record), ..apex() };
    let bytes = message.build().expect("a message");
    let reply = host().ask(Udp, CLIENT, &bytes).expect("a reply");
    assert_eq!(reply[3] & 15, 9, "{reply:02x?}");
    assert_eq!(reply[4..12], [0, 1, 0, 0, 0, 0, 0, 1]);
    let signature = &reply[38..];
    assert_eq!(&signature[..5], b"\x03key\0");
    assert_eq!(signature[signature.len() - 8..], [0, 0, 0xbe, 0xef, 0, 17, 0, 0]);
}
