//! What is answered when no server is live, or too few are, by each of the ways that `all_down` has.

use std::{net::IpAddr, time::Duration};

use anyhow::{Context as _, Result, anyhow, ensure};
use hickory_proto::{
    op::{Message, ResponseCode},
    rr::RecordType,
};
use serde_json::Value;
use tests::lab::wait;

use crate::{
    backends::{Backends, address, cluster},
    host::{Host, IPV4, Setup},
    question::{Client, PATIENCE, addresses, ips},
};

/// The value of `all_down`, and what comes back: the code, and addresses.
struct Case {
    name: &'static str,
    all_down: &'static str,
    code: ResponseCode,
    addresses: fn() -> Result<Vec<IpAddr>>,
}

const CASES: [Case; 6] = [
    Case { name: "all", all_down: "\"all\"", code: ResponseCode::NoError, addresses: both },
    // The one that died last.
    Case { name: "last", all_down: "\"last\"", code: ResponseCode::NoError, addresses: second },
    Case { name: "servfail", all_down: "\"servfail\"", code: ResponseCode::ServFail, addresses: none },
    Case { name: "refused", all_down: "\"refused\"", code: ResponseCode::Refused, addresses: none },
    Case { name: "nodata", all_down: "\"nodata\"", code: ResponseCode::NoError, addresses: none },
    Case {
        name: "others",
        all_down: "[\"192.0.2.1\", \"192.0.2.2\"]",
        code: ResponseCode::NoError,
        addresses: others,
    },
];

fn both() -> Result<Vec<IpAddr>> {
    Ok(vec![address(0).into(), address(1).into()])
}

fn second() -> Result<Vec<IpAddr>> {
    Ok(vec![address(1).into()])
}

fn none() -> Result<Vec<IpAddr>> {
    Ok(Vec::new())
}

fn others() -> Result<Vec<IpAddr>> {
    ips(&["192.0.2.1", "192.0.2.2"])
}

impl Case {
    fn zone(&self) -> String {
        format!("{}.netz", self.name)
    }

    fn is_right(&self, answer: &Message, expected: &[IpAddr]) -> bool {
        let mut found = addresses(answer);
        found.sort();
        answer.metadata.response_code == self.code && found == expected
    }

    /// Whoever is told that there is nothing is told how long that holds.
    fn check_soa(&self, answer: &Message) -> Result<()> {
        let has_soa = answer.authorities.iter().any(|record| record.record_type() == RecordType::SOA);
        ensure!(has_soa == addresses(answer).is_empty(), "{}: {answer:?}", self.name);
        Ok(())
    }
}

#[test]
fn no_server_is_live() -> Result<()> {
    let clusters: String = CASES
        .iter()
        .map(|case| cluster(case.name, &format!("all_down = {}", case.all_down), &["", ""]))
        .collect();
    let mut host = Host::new(&Setup { clusters: &clusters, ..Setup::default() })?;
    let mut backends = Backends::start(&host, 2)?;
    host.launch()?;
    host.wait_until_live(2 * CASES.len())?;
    let client = host.client("10.10.10.10", IPV4)?;
    let all_told = |expected: &[IpAddr]| {
        CASES.iter().try_for_each(|case| client.wait_for_addresses(&case.zone(), expected))
    };
    all_told(&both()?)?;
    backends.close(0)?;
    all_told(&second()?)?;
    let before = host.counter("fast_path", "answered_without_live")?;
    backends.close(1)?;
    for case in &CASES {
        let expected = (case.addresses)()?;
        client
            .wait_for(&case.zone(), |answer| case.is_right(answer, &expected))
            .with_context(|| format!("{}: {expected:?}\n{}", case.name, host.log()))?;
    }
    host.wait_until_live(0)?;
    for case in &CASES {
        let (expected, answer) = ((case.addresses)()?, message(&client, &case.zone())?);
        ensure!(case.is_right(&answer, &expected), "{}: {answer:?}", case.name);
        case.check_soa(&answer)?;
    }
    let counted = host.counter("fast_path", "answered_without_live")? - before;
    ensure!(counted >= CASES.len() as u64, "XDP counted {counted}");

    backends.open(&host, 0)?;
    all_told(&both()?[..1])?;
    backends.open(&host, 1)?;
    all_told(&both()?)
}

#[test]
fn too_few_are_live() -> Result<()> {
    let clusters = cluster("few", "min_up = \"60%\"\nall_down = [\"192.0.2.1\"]", &["", "", ""]);
    let mut host = Host::new(&Setup { clusters: &clusters, ..Setup::default() })?;
    let mut backends = Backends::start(&host, 3)?;
    host.launch()?;
    let client = host.client("10.10.10.10", IPV4)?;
    let told = |places: &[usize]| {
        let expected: Vec<IpAddr> = places.iter().map(|place| address(*place).into()).collect();
        client.wait_for_addresses("few.netz", &expected)
    };
    told(&[0, 1, 2])?;
    backends.close(0)?;
    told(&[1, 2])?;
    backends.close(1)?;
    client.wait_for_addresses("few.netz", &ips(&["192.0.2.1"])?)?;
    backends.open(&host, 0)?;
    told(&[0, 2])
}

/// Each view has an outage of its own, where it is shown other servers.
#[test]
fn a_view_is_out() -> Result<()> {
    // `lan` is shown the first server alone, `guests` none at all.
    let views = "[[view]]\nname = \"lan\"\nclients = [\"10.10.10.10/32\"]\n\
                 [[view]]\nname = \"guests\"\nclients = [\"10.10.10.11/32\"]\n";
    let seen = "alias = { lan = \"192.168.1.1\", guests = \"none\" }";
    let hidden = "alias = { lan = \"none\", guests = \"none\" }";
    let clusters = format!(
        "{views}{}{}",
        cluster("error", "all_down = \"servfail\"", &[seen, hidden]),
        cluster("dead", "all_down = \"all\"", &[seen, hidden])
    );
    let mut host = Host::new(&Setup { clusters: &clusters, ..Setup::default() })?;
    let mut backends = Backends::start(&host, 2)?;
    host.launch()?;
    host.wait_until_live(4)?;
    let client = |from: &str| host.client(from, IPV4);
    let (lan, guests, others) = (client("10.10.10.10")?, client("10.10.10.11")?, client("10.10.10.20")?);
    let alias = ips(&["192.168.1.1"])?;
    for name in ["error.netz", "dead.netz"] {
        lan.wait_for_addresses(name, &alias)?;
        guests.wait_for_addresses(name, &[])?;
        others.wait_for_addresses(name, &both()?)?;
    }

    backends.close(0)?;
    for name in ["error.netz", "dead.netz"] {
        others.wait_for_addresses(name, &second()?)?;
        // There is nothing that they could be told in any case.
        guests.wait_for_addresses(name, &[])?;
    }
    lan.wait_for("error.netz", |answer| answer.metadata.response_code == ResponseCode::ServFail)?;
    lan.wait_for_addresses("dead.netz", &alias)?;

    backends.open(&host, 0)?;
    lan.wait_for_addresses("error.netz", &alias)?;
    others.wait_for_addresses("error.netz", &both()?)?;
    // The clusters are answered by the live ones all the time.
    let expected = ["live -> all", "all -> live", "live -> servfail", "servfail -> live"];
    wait::until("the view's outages are told", PATIENCE.max(Duration::from_secs(10)), || {
        let history: Value = serde_json::from_slice(&host.tgdns(&["history", "--json"])?.stdout)?;
        let changes = history["changes"].as_array().into_iter().flatten();
        let answers = changes.filter(|change| change["what"] == "answers");
        let mut told: Vec<String> = answers
            .map(|change| {
                let [view, from, to] = ["view", "from", "to"].map(|key| change[key].as_str().unwrap_or("-"));
                format!("{view}: {from} -> {to}")
            })
            .collect();
        told.sort();
        let mut expected = expected.map(|change| format!("lan: {change}"));
        expected.sort();
        Ok(if told == expected { Ok(()) } else { Err(anyhow!("{history}")) })
    })?;
    Ok(())
}

/// Who is shown none of those that others are told for want of live ones is told a server of theirs.
#[test]
fn a_view_is_shown_none_of_the_fallback() -> Result<()> {
    // `lan` is shown the first server alone.
    let views = "[[view]]\nname = \"lan\"\nclients = [\"10.10.10.10/32\"]\n";
    let servers = ["", "alias = { lan = \"none\" }"];
    let clusters = format!(
        "{views}{}{}",
        cluster("all", "all_down = \"all\"", &servers),
        cluster("last", "all_down = \"last\"", &servers)
    );
    let mut host = Host::new(&Setup { clusters: &clusters, ..Setup::default() })?;
    let mut backends = Backends::start(&host, 2)?;
    host.launch()?;
    host.wait_until_live(4)?;
    let (lan, others) = (host.client("10.10.10.10", IPV4)?, host.client("10.10.10.20", IPV4)?);
    let (first, names) = (&both()?[..1], ["all.netz", "last.netz"]);
    let lan_is_told = |name: &str| -> Result<()> {
        let told = addresses(&message(&lan, name)?);
        ensure!(told == first, "{name}: {told:?}");
        Ok(())
    };

    // The second one dies last.
    for place in [0, 1] {
        backends.close(place)?;
        host.wait_until_live(2 - 2 * place)?;
    }
    others.wait_for_addresses("all.netz", &both()?)?;
    others.wait_for_addresses("last.netz", &second()?)?;
    names.into_iter().try_for_each(lan_is_told)?;

    // The first one is drained, and the second one dies.
    for place in [0, 1] {
        backends.open(&host, place)?;
    }
    host.wait_until_live(4)?;
    let drained = host.tgdns(&["drain", "all-1", "last-1"])?;
    ensure!(drained.status.success(), "{drained:?}");
    backends.close(1)?;
    host.wait_until_live(0)?;
    for name in names {
        others.wait_for_addresses(name, &second()?)?;
        lan_is_told(name)?;
    }
    Ok(())
}

fn message(client: &Client, name: &str) -> Result<Message> {
    client.message(name, RecordType::A, PATIENCE.max(Duration::from_secs(1)))?.context("no answer")
}
