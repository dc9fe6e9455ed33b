use std::collections::BTreeSet;

use super::*;
use crate::{
    admin::Admins,
    config,
    health::{Outcome, Report, ReportedWeight},
    netlink::ServiceAddress,
};

const CONFIG: &str = r#"
interfaces = ["eth0", "eth1"]

[[view]]
name = "lan"
clients = ["192.168.0.0/16"]

[[cluster]]
name = "internet.intern.netz"
probe = { type = "tcp", port = 443, rise = 1, fall = 1 }

[[cluster.part]]
first = "10.10.10.100"
count = 3
alias = { lan = "192.168.1.100" }
"#;

fn status(outcomes: &[bool]) -> Status {
    status_after(CONFIG, Duration::ZERO, outcomes)
}

/// The status ten seconds after the start and five after these outcomes, success or failure, one for each server.
fn status_after(config: &str, elapsed: Duration, outcomes: &[bool]) -> Status {
    let model = config::parse(config, "status.toml").unwrap();
    let start = Instant::now();
    let services = ["10.10.10.2", "10.10.10.3"].map(|address| ServiceAddress {
        interface: "eth1".to_owned(),
        interface_index: 3,
        mac: [2, 0, 0, 0, 0, 1],
        vlan_tags: vec![],
        address: address.parse().unwrap(),
    });
    let mut roster = Roster::new(model, Admins::default(), Some(BTreeSet::from(services)), start);
    for (server, success) in outcomes.iter().enumerate() {
        let outcome = match success {
            true => Outcome::success(Duration::from_millis(1)),
            false => Outcome::failure("connection refused"),
        };
        roster.observe(0, server, 0, &outcome, start + Duration::from_secs(5));
    }
    // Without a time the first round has not ended: it is the outcomes that decide.
    if let Some(selection) = roster.due(start + elapsed, 0) {
        roster.set_published(selection);
    }
    let process = Process {
        version: "1.2.3".to_owned(),
        pid: 7,
        started: timestamp(SystemTime::UNIX_EPOCH + Duration::from_secs(90)),
        uptime_seconds: 10,
        heartbeat_age_milliseconds: Some(300),
        heartbeat_error: None,
        stale_after_milliseconds: 10_000,
        when_stale: "hold".to_owned(),
        publish_error: None,
        notes: Vec::new(),
        probes: PaceStatus {
            probes_at_once: 2048,
            started: 12_345,
            under_way: 3,
            most_under_way: 40,
            mean_late_microseconds: 1_200,
            latest_microseconds: 15_000,
            commands_hung: 2,
            ..PaceStatus::default()
        },
    };
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
    Status::of(process, &roster, &|name| link(name == "eth1"), start + Duration::from_secs(10), wall)
}

fn answers_of(status: &Status) -> Vec<(&str, Vec<String>)> {
    let addresses = |answer: &AnswerStatus| answer.addresses.iter().map(ToString::to_string).collect();
    let answers = status.clusters[0].answers.iter();
    answers.map(|answer| (answer.view.as_str(), addresses(answer))).collect()
}

#[test]
fn answers_follow_health_view_by_view() {
    for (outcomes, handed_out, own, aliases) in [
        (&[][..], HandedOut::Nothing, &[][..], &[][..]),
        (&[false], HandedOut::Nothing, &[], &[]),
        (&[true], HandedOut::Nothing, &[], &[]),
        (
            &[true, false, true],
            HandedOut::Live,
            &["10.10.10.100", "10.10.10.102"],
            &["192.168.1.100", "192.168.1.102"],
        ),
        (
            &[false, false, false],
            HandedOut::All,
            &["10.10.10.100", "10.10.10.101", "10.10.10.102"],
            &["192.168.1.100", "192.168.1.101", "192.168.1.102"],
        ),
    ] {
        let status = status(outcomes);
        assert_eq!(status.clusters[0].handed_out, handed_out, "{outcomes:?}");
        let owned = |addresses: &[&str]| addresses.iter().map(|address| (*address).to_owned()).collect();
        assert_eq!(answers_of(&status), [("default", owned(own)), ("lan", owned(aliases))], "{outcomes:?}");
    }
}

#[test]
fn json_has_the_promised_keys() {
    let value = serde_json::to_value(status(&[true, false])).unwrap();
    let servers = &value["clusters"][0]["servers"];
    assert_eq!(
        servers[0],
        serde_json::json!({
            "name": "internet-1", "address": "10.10.10.100", "health": "up",
            "health_from": null, "admin": "ready",
            "admin_reason": null,
            "admin_until": null, "reported": "ready", "weight_hundredths": 100, "live": true,
            "handed_out": false, "reason": null,
            "tier": 1, "share": 0.0,
            "since": "1970-01-01T00:01:35.000Z", "since_seconds": 5, "cause": "1 success", "warnings": [],
            "probes": [{
                "name": "tcp", "type": "tcp", "target": "10.10.10.100:443", "source": null, "health": "up",
                "took_microseconds": 1000, "failure": null, "not_probed": null, "not_probed_since": null, "warning": null, "age_milliseconds": 5000,
            }],
        })
    );
    assert_eq!(servers[1]["health"], "down");
    assert_eq!(servers[1]["cause"], "connection refused (1 failure)");
    // Without a verdict it is unknown since the start.
    assert_eq!(servers[2]["health"], "unknown");
    assert_eq!(servers[2]["since"], "1970-01-01T00:01:30.000Z");
    assert_eq!(servers[2]["cause"], serde_json::Value::Null);
    assert_eq!(value["clusters"][0]["name"], "internet.intern.netz");
    assert_eq!(value["interfaces"][1]["addresses"], serde_json::json!(["10.10.10.2", "10.10.10.3"]));
    assert_eq!(value["interfaces"][0]["addresses"], serde_json::json!([]));
    assert_eq!(value["pid"], 7);
    assert_eq!(value["probes"]["latest_microseconds"], 15_000);
}

/// Which of several probes failed and why, what a server says of itself, and what should be seen to.
#[test]
fn several_probes_and_reports() {
    let text = CONFIG.replace(
        "probe = { type = \"tcp\", port = 443, rise = 1, fall = 1 }",
        "probe = [{ port = 443, rise = 1, fall = 1 }, { type = \"agent\", port = 9000, rise = 1, fall = 1 }]",
    );
    let start = Instant::now();
    let model = config::parse(&text, "status.toml").unwrap();
    let mut roster = Roster::new(model, Admins::default(), Some(BTreeSet::new()), start);
    let drained = Report {
        state: Some(AdminState::Drain),
        weight: Some(ReportedWeight::Percent(50)),
        ..Report::default()
    };
    let warned = Report { warning: Some("soon".to_owned()), ..Report::default() };
    let took = Duration::from_millis(2);
    for (server, probe, outcome) in [
        (0, 0, Outcome::success(took)),
        (0, 1, Outcome::Success { took, report: drained }),
        (1, 0, Outcome::Success { took, report: warned }),
        (1, 1, Outcome::failure("it says down")),
    ] {
        roster.observe(0, server, probe, &outcome, start);
    }
    let process = Process {
        version: "1.2.3".to_owned(),
        pid: 7,
        started: String::new(),
        uptime_seconds: 10,
        heartbeat_age_milliseconds: Some(300),
        heartbeat_error: None,
        stale_after_milliseconds: 10_000,
        when_stale: "hold".to_owned(),
        publish_error: None,
        notes: Vec::new(),
        probes: PaceStatus {
            probes_at_once: 2048,
            started: 12_345,
            under_way: 3,
            most_under_way: 40,
            mean_late_microseconds: 1_200,
            latest_microseconds: 15_000,
            ..PaceStatus::default()
        },
    };
    let told = Status::of(process, &roster, &|_| link(true), start, SystemTime::UNIX_EPOCH);
    let text = render::render(&told);
    let lines: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("  SERVER")).take(12).collect();
    assert_eq!(
        lines.join("\n"),
        "  SERVER      ADDRESS       HEALTH   ADMIN              HANDED OUT  WEIGHT  SHARE  SINCE  CAUSE
  internet-1  10.10.10.100  up       ready, says drain  no          0.5     0.0%   0s     agent: 1 success
  internet-2  10.10.10.101  down     ready              no          1       0.0%   0s     agent: it says down (1 failure)
  internet-3  10.10.10.102  unknown  ready              no          1       0.0%   0s
  warning: internet-2: tcp: soon
  SERVER      PROBE  TARGET             HEALTH   LAST
  internet-1  tcp    10.10.10.100:443   up       well after 2ms
  internet-1  agent  10.10.10.100:9000  up       well after 2ms
  internet-2  tcp    10.10.10.101:443   up       well after 2ms
  internet-2  agent  10.10.10.101:9000  down     it says down
  internet-3  tcp    10.10.10.102:443   unknown  none yet
  internet-3  agent  10.10.10.102:9000  unknown  none yet"
    );
    assert_eq!(told.clusters[0].servers[0].weight_hundredths, 50);
}

#[test]
fn what_is_written_is_read_back() {
    let status = status(&[true, false]);
    let read: Status = serde_json::from_str(&serde_json::to_string(&status).unwrap()).unwrap();
    assert_eq!(read, status);
}

#[test]
fn people_get_a_table() {
    let mut status = status_after(CONFIG, Duration::from_secs(60), &[true, false]);
    status.process.publish_error = Some("no room".to_owned());
    status.process.notes = vec!["something else".to_owned()];
    status.interfaces[0].link.problem = Some("its device is called eth7 now".to_owned());
    status.interfaces[1].link.carrier = Some("no carrier".to_owned());
    assert_eq!(
        render::render(&status),
        "tgdns 1.2.3, pid 7, running for 10s
the tables are out of date: no room
something else
heartbeat: 0.3 s ago; after 10s without one answers are stale (hold)
probes: 12345 started, on average 1.2 ms late and at most 15.0 ms; 3 under way, at most 40 of 2048; commands that HANG though they were killed: 2
eth0     xdp native, NOT attached: its device is called eth7 now
eth1     xdp native, attached, link NO CARRIER, answers on 10.10.10.2, 10.10.10.3
sockets  0.0.0.0:53, [::]:53

internet.intern.netz: 1 of 3 servers live, 1 without a verdict, the live ones are handed out
  SERVER      ADDRESS       HEALTH   ADMIN  HANDED OUT          SINCE  CAUSE
  internet-1  10.10.10.100  up       ready  yes                 5s     1 success
  internet-2  10.10.10.101  down     ready  no: down            5s     connection refused (1 failure)
  internet-3  10.10.10.102  unknown  ready  no: no verdict yet  10s
  VIEW     ANSWER
  default  10.10.10.100
  lan      192.168.1.100
"
    );
}

/// `lan` is shown the first server alone, and `guests` none; whatever is written of the cluster, they are told as it is.
#[test]
fn each_view_s_answer_is_told_as_it_is() {
    let config = |policy: &str| {
        format!(
            "interfaces = [\"eth0\"]\n\
             view = [{{ name = \"lan\", clients = [\"192.168.0.0/16\"] }}, {{ name = \"guests\", clients = [\"10.9.0.0/16\"] }}]\n\
             [[cluster]]\nname = \"c.netz\"\n{policy}\nprobe = {{ port = 443, rise = 1, fall = 1 }}\nserver = [\n\
             {{ name = \"a\", address = \"10.0.0.1\", alias = {{ lan = \"192.168.1.1\", guests = \"none\" }} }},\n\
             {{ name = \"b\", address = \"10.0.0.2\", alias = {{ lan = \"none\", guests = \"none\" }} }},\n]\n"
        )
    };
    for (policy, outcomes, expected, reason) in [
        ("", [true, true], ["Live 10.0.0.1, 10.0.0.2", "Live 192.168.1.1", "Live nothing"], None),
        (
            "",
            [false, true],
            ["Live 10.0.0.2", "All 192.168.1.1", "Live nothing"],
            Some("down, but view lan is shown no live one"),
        ),
        (
            "all_down = \"servfail\"",
            [false, true],
            ["Live 10.0.0.2", "Servfail nothing", "Live nothing"],
            Some("down"),
        ),
        (
            "all_down = [\"192.0.2.1\"]",
            [false, false],
            ["Addresses 192.0.2.1", "Addresses 192.0.2.1", "Live nothing"],
            Some("the addresses of `all_down` are handed out"),
        ),
    ] {
        let status = status_after(&config(policy), Duration::ZERO, &outcomes);
        let cluster = &status.clusters[0];
        let told = cluster.answers.iter().map(|answer| {
            let addresses: Vec<String> = answer.addresses.iter().map(ToString::to_string).collect();
            let addresses = if addresses.is_empty() { "nothing".to_owned() } else { addresses.join(", ") };
            format!("{:?} {addresses}", answer.handed_out)
        });
        assert_eq!(told.collect::<Vec<_>>(), expected, "{policy} {outcomes:?}");
        let server = &cluster.servers[0];
        assert_eq!(server.reason.as_deref(), reason, "{policy} {outcomes:?}");
        let is_told = cluster.answers.iter().any(|answer| {
            answer
                .addresses
                .iter()
                .any(|address| ["10.0.0.1", "192.168.1.1"].contains(&&*address.to_string()))
        });
        assert_eq!(server.handed_out, is_told, "{policy} {outcomes:?}");
        let line =
            "lan      192.168.1.1 (it is shown no live server: servers are handed out whatever their health)";
        let has_line = render::render(&status).lines().any(|told| told.trim() == line);
        assert_eq!(has_line, expected[1].starts_with("All"), "{}", render::render(&status));
    }
}

/// What is handed out without a live server, and how the line begins that tells of it.
#[test]
fn people_are_told_what_is_handed_out_instead() {
    for (policy, outcomes, handed_out, answer, line) in [
        (
            "",
            [false; 3],
            HandedOut::All,
            3,
            "0 of 3 servers live, as none is live, servers are handed out whatever",
        ),
        (
            "min_up = 2",
            [true, false, false],
            HandedOut::All,
            3,
            "1 of 3 servers live, as fewer than 2 are live,",
        ),
        (
            "all_down = \"last\"",
            [false; 3],
            HandedOut::All,
            3,
            "0 of 3 servers live, as none is live, servers",
        ),
        (
            "all_down = \"servfail\"",
            [false; 3],
            HandedOut::Servfail,
            0,
            "0 of 3 servers live, as none is live, the answer",
        ),
        (
            "all_down = \"refused\"",
            [false; 3],
            HandedOut::Refused,
            0,
            "0 of 3 servers live, as none is live, the answer",
        ),
        (
            "all_down = \"nodata\"",
            [false; 3],
            HandedOut::NoData,
            0,
            "0 of 3 servers live, as none is live, no address",
        ),
        (
            "all_down = [\"192.0.2.1\"]",
            [false; 3],
            HandedOut::Addresses,
            1,
            "0 of 3 servers live, as none is live, the addr",
        ),
    ] {
        let config = CONFIG.replace("[[cluster]]\n", &format!("[[cluster]]\n{policy}\n"));
        let status = status_after(&config, Duration::ZERO, &outcomes);
        assert_eq!(status.clusters[0].handed_out, handed_out, "{policy}");
        assert_eq!(status.clusters[0].answers[0].addresses.len(), answer, "{policy}");
        let text = render::render(&status);
        assert!(text.contains(&format!("internet.intern.netz: {line}")), "{policy}: {text}");
    }
}

#[test]
fn shares_and_tiers_are_shown_where_they_differ() {
    let config = CONFIG.replace(
        "[[cluster.part]]\n",
        "[[cluster.server]]\nname = \"internet-2\"\nweight = 3\ntier = 2\n[[cluster.part]]\n",
    );
    let text = render::render(&status_after(&config, Duration::ZERO, &[false, true, true]));
    for row in [
        "  SERVER      ADDRESS       HEALTH  ADMIN  HANDED OUT                TIER  WEIGHT  SHARE   SINCE  CAUSE",
        "  internet-2  10.10.10.101  up      ready  no: tier 2 is not needed  2     3       0.0%    5s     1 success",
        "  internet-3  10.10.10.102  up      ready  yes                       1     1       100.0%  5s     1 success",
    ] {
        assert!(text.contains(row), "{row} in {text}");
    }
}

/// Clients are shared out by buckets, which follow equal weights on average only.
#[test]
fn shares_of_clients_are_those_of_the_buckets() {
    let config = CONFIG.replace("[[cluster]]\n", "[[cluster]]\nselect = \"sticky\"\n");
    let status = status_after(&config, Duration::ZERO, &[true, true, true]);
    let shares: Vec<f64> = status.clusters[0].servers.iter().map(|server| server.share).collect();
    let buckets = |share: &f64| share * 1024.0;
    assert!(shares.iter().map(buckets).all(|count| count.fract() == 0.0), "{shares:?}");
    assert_eq!(shares.iter().sum::<f64>(), 1.0);
    assert!(shares.iter().all(|share| (share - 1.0 / 3.0).abs() < 0.06), "{shares:?}");
}

/// One server of each kind that is not live: why it is not handed out, and why it is after all where none is live.
#[test]
fn each_server_s_place_has_its_reason() {
    let config = CONFIG.replace(
        "[[cluster.part]]\n",
        "[[cluster.server]]\nname = \"internet-2\"\nweight = 0\n[[cluster.part]]\n",
    );
    for (outcomes, elapsed, live, expected) in [
        (
            &[true, true][..],
            10,
            1,
            [(true, None), (false, Some("weight 0")), (false, Some("no verdict yet"))],
        ),
        (
            &[false, true],
            10,
            0,
            [
                (true, Some("down, but none is live")),
                (false, Some("weight 0")),
                (true, Some("no verdict yet, but none is live")),
            ],
        ),
        (&[true], 0, 1, [(false, None), (false, None), (false, None)]),
    ] {
        let status = status_after(&config, Duration::from_secs(elapsed), outcomes);
        let servers = &status.clusters[0].servers;
        let told = servers.iter().map(|server| (server.handed_out, server.reason.as_deref()));
        assert_eq!(told.collect::<Vec<_>>(), expected, "{outcomes:?}");
        assert_eq!(servers.iter().filter(|server| server.live).count(), live, "{outcomes:?}");
    }
}

#[test]
fn a_server_that_cannot_be_probed_is_told_with_the_reason() {
    let start = Instant::now();
    let mut roster =
        Roster::new(config::parse(CONFIG, "F").unwrap(), Admins::default(), Some(BTreeSet::new()), start);
    roster.observe(0, 0, 0, &Outcome::success(Duration::ZERO), start);
    roster.impede(0, 0, 0, "this host has no free port", start + Duration::from_secs(5));
    let process = status(&[]).process;
    let (now, wall) = (start + Duration::from_secs(10), SystemTime::UNIX_EPOCH + Duration::from_secs(100));
    let told = Status::of(process, &roster, &|_| link(true), now, wall);
    let probe = &told.clusters[0].servers[0].probes[0];
    assert_eq!(probe.not_probed.as_deref(), Some("this host has no free port"));
    assert_eq!(probe.not_probed_since.as_deref(), Some("1970-01-01T00:01:35.000Z"));
    let text = render::render(&told);
    for line in [
        "up (not probed)",
        "  warning: internet-1: not probed since 1970-01-01T00:01:35.000Z: this host has no free port\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

fn link(attached: bool) -> Link {
    Link { attached, ..Link::default() }
}
