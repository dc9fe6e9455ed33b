//! Clients in different views are told different addresses.

use anyhow::{Context as _, Result, ensure};
use hickory_proto::{op::Message, rr::RecordType};

use crate::{
    host::{Host, IPV4, IPV6, LIVE, NAME, Setup},
    question::{addresses, ips},
};

const CLUSTERS: &str = r#"
[[view]]
name = "lan"
clients = ["10.10.10.10/32", "fd00:10::10/128"]

[[view]]
name = "guests"
clients = ["10.10.10.11/32", "fd00:10::/64"]

[[cluster]]
name = "internet.intern.netz"
[cluster.probe]
type = "tcp"
port = 443
timeout = "900ms"

[[cluster.server]]
name = "one"
address = "10.10.10.20"
alias = { lan = ["192.168.1.20", "fd00:1::20"], guests = ["172.16.0.20", "fd00:2::20"] }

[[cluster.server]]
name = "two"
address = "10.10.10.21"
alias = { lan = ["192.168.1.21", "fd00:1::21"], guests = ["172.16.0.21", "fd00:2::21"] }

[[cluster.server]]
name = "dead"
address = "10.10.10.22"
alias = { lan = ["192.168.1.22", "fd00:1::22"], guests = ["172.16.0.22", "fd00:2::22"] }
"#;

#[test]
fn each_view_has_its_aliases() -> Result<()> {
    let mut host = Host::new(&Setup { clusters: CLUSTERS, ..Setup::default() })?;
    // A client of no view is told the own addresses.
    host.start()?;
    let lan = [["192.168.1.20", "192.168.1.21"], ["fd00:1::20", "fd00:1::21"]];
    let guests = [["172.16.0.20", "172.16.0.21"], ["fd00:2::20", "fd00:2::21"]];
    let ipv6 = IPV6.parse()?;
    for (from, server, [a, aaaa]) in [
        ("10.10.10.10", IPV4, lan),
        ("10.10.10.11", IPV4, guests),
        ("fd00:10::10", ipv6, lan),
        ("fd00:10::11", ipv6, guests),
    ] {
        let client = host.client(from, server)?;
        assert_eq!(client.addresses(NAME, RecordType::A)?, ips(&a)?, "{from}");
        assert_eq!(client.addresses(NAME, RecordType::AAAA)?, ips(&aaaa)?, "{from}");
    }
    Ok(())
}

/// Hidden from guests is the second server, whom the others see by an address for each view.
#[test]
fn a_server_is_hidden_from_one_of_two_views() -> Result<()> {
    let hidden = CLUSTERS.replace("guests = [\"172.16.0.21\", \"fd00:2::21\"]", "guests = \"none\"");
    assert_ne!(hidden, CLUSTERS);
    let mut host = Host::new(&Setup { clusters: &hidden, ..Setup::default() })?;
    host.start()?;
    let (lan, guests) = (host.client("10.10.10.10", IPV4)?, host.client("10.10.10.11", IPV4)?);
    assert_eq!(lan.addresses(NAME, RecordType::A)?, ips(&["192.168.1.20", "192.168.1.21"])?);
    assert_eq!(guests.addresses(NAME, RecordType::A)?, ips(&["172.16.0.20"])?);
    assert_eq!(guests.addresses(NAME, RecordType::AAAA)?, ips(&["fd00:2::20"])?);

    // None of those that guests are shown is live now, and they may try all of them; lan is told who lives.
    host.stop_server(0);
    lan.wait_for_addresses(NAME, &ips(&["192.168.1.21"])?)?;
    assert_eq!(guests.addresses(NAME, RecordType::A)?, ips(&["172.16.0.20", "172.16.0.22"])?);
    host.stop_server(1);
    lan.wait_for_addresses(NAME, &ips(&["192.168.1.20", "192.168.1.21", "192.168.1.22"])?)?;
    // Who is hidden stays so when all are handed out.
    assert_eq!(guests.addresses(NAME, RecordType::A)?, ips(&["172.16.0.20", "172.16.0.22"])?);
    Ok(())
}

/// The servers themselves are told as clients of a view, the client of no view is 10.10.10.11.
const HIDDEN: &str = r#"
[[view]]
name = "lan"
clients = ["10.10.10.10/32", "fd00:10::10/128"]

[[view]]
name = "servers"
clients = ["10.10.10.20/32"]

[[cluster]]
name = "internet.intern.netz"
[cluster.probe]
type = "tcp"
port = 443
timeout = "900ms"
[[cluster.part]]
first = "10.10.10.20"
count = 2
alias = { lan = { base = "192.168.1.21", step = -1 } }
[[cluster.server]]
name = "internet-2"
alias = { lan = "none" }
"#;

#[test]
fn clients_in_no_view_are_told_what_default_view_says() -> Result<()> {
    let setup = |default_view| Setup {
        listen: "[\"10.10.10.1:53\"]",
        default_view,
        clusters: HIDDEN,
        ..Setup::default()
    };
    let mut host = Host::new(&setup("default"))?;
    // One of the two is hidden from the view, the other one counted backwards.
    let lan = ["192.168.1.21"];
    for (default_view, told, path, counter) in [
        ("default", &LIVE[..], "fast_path", "answered_a"),
        ("nodata", &[], "fast_path", "answered_nodata"),
        ("lan", &lan, "fast_path", "answered_a"),
        ("refused", &[], "slow_path", "refused_name"),
    ] {
        host.configure(&setup(default_view))?;
        host.start()?;
        assert_eq!(host.client("10.10.10.10", IPV4)?.addresses(NAME, RecordType::A)?, ips(&lan)?);
        let client = host.client("10.10.10.11", IPV4)?;
        // What the last run published is answered until this one has published.
        let expected = ips(told)?;
        let is_right = |answer: &Message| {
            let mut found = addresses(answer);
            found.sort();
            found == expected
        };
        client.wait_for(NAME, is_right).with_context(|| format!("{default_view}\n{}", host.log()))?;
        let before = host.counter(path, counter)?;
        assert_eq!(client.addresses(NAME, RecordType::A)?, ips(told)?, "{default_view}");
        let counted = host.counter(path, counter)? - before;
        ensure!(counted == 1, "{default_view}: {counter} went up by {counted}");
        host.process()?.kill()?;
    }
    Ok(())
}
