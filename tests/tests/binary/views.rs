//! Clients in different views are told different addresses.

use anyhow::Result;
use hickory_proto::rr::RecordType;

use crate::{
    host::{Host, IPV4, IPV6, NAME, Setup},
    question::ips,
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
timeout = "200ms"

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
