//! The ways to answer: in the driver, before the network stack, from sockets.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use hickory_proto::rr::RecordType;

use crate::{
    host::{CABLE, Host, INTERFACE, IPV4, IPV6, LIVE, NAME, Setup},
    question::ips,
};

const SOCKETS: &str = r#"["0.0.0.0:53", "[::]:53"]"#;

#[test]
fn all_modes_give_the_same_answer() -> Result<()> {
    let mut answers = BTreeSet::new();
    for (xdp_mode, listen, attached) in
        [("native", "[]", Some(1)), ("generic", "[]", Some(2)), ("off", SOCKETS, None)]
    {
        let mut host = Host::new(&Setup { xdp_mode, listen, ..Setup::default() })?;
        host.start()?;
        assert_eq!(host.interface(INTERFACE)?["xdp"]["mode"].as_u64(), attached, "{xdp_mode}");
        for server in [IPV4.to_string(), IPV6.to_owned()] {
            answers.insert(dig(&host, &server)?);
        }
    }
    ensure!(answers.len() == 1, "the modes differ: {answers:#?}");
    let answer = answers.into_iter().next().unwrap_or_default();
    assert!(answer.contains("flags: qr aa rd; QUERY: 1, ANSWER: 2"), "{answer}");
    Ok(())
}

/// What `dig` shows, without what differs from query to query.
fn dig(host: &Host, server: &str) -> Result<String> {
    let server = format!("@{server}");
    let text = host.far.run("dig", &[&server, NAME, "A", "+tries=1", "+time=2", "+nocookie"])?;
    let differs = ["Query time", "WHEN", "SERVER", ", id:", "DiG"];
    let mut lines: Vec<_> =
        text.lines().filter(|line| !differs.iter().any(|part| line.contains(part))).collect();
    // Addresses take turns.
    lines.sort_unstable();
    Ok(lines.join("\n"))
}

/// A client whose checksums are left to its NIC, which a veth is not.
#[test]
fn what_the_fast_path_passes_is_answered_by_the_socket() -> Result<()> {
    let mut host = Host::new(&Setup { listen: SOCKETS, ..Setup::default() })?;
    host.start()?;
    host.far.run("ethtool", &["-K", CABLE, "tx", "on"])?;
    let counts = || -> Result<_> {
        Ok([
            host.counter("fast_path", "answered_a")?,
            host.counter("fast_path", "udp_checksum")?,
            host.counter("slow_path", "answered")?,
        ])
    };
    for (from, server) in [("10.10.10.10", IPV4), ("fd00:10::10", IPV6.parse()?)] {
        let client = host.client(from, server)?;
        let [answered, passed, by_socket] = counts()?;
        assert_eq!(client.addresses(NAME, RecordType::A)?, ips(&LIVE)?);
        assert_eq!(counts()?, [answered, passed + 1, by_socket + 1], "{from}");
    }
    Ok(())
}
