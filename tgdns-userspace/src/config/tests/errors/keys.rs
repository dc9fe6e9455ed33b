//! Keys that are unknown or missing.

use super::*;

#[test]
fn unknown_keys() {
    rows(&[
        ("ttl = 1\n", "tll = 1\n", &["10:1: `tll` is no known key: did you mean `ttl`?"]),
        (
            "ttl = 1\n",
            "colour = 1\n",
            &[
                "10:1: `colour` is no known key here: the known ones are name, ttl, ttl_min, negative_ttl, answer, select, spill_below, slow_start, min_up, all_down, probe, probes, part, server, nameservers, nameserver",
            ],
        ),
        ("port = 443", "prot = 443", &["14:1: `prot` is no known key: did you mean `port`?"]),
        ("[cluster.probe]", "[cluster.prob]", &["12:10: `prob` is no known key: did you mean `probe`?"]),
        (
            "[cluster.probe]\ntype = \"tcp\"\nport = 443\ninterval = \"1s\"",
            "probe.prot = 443",
            &["12:7: `prot` is no known key: did you mean `port`?"],
        ),
        ("interfaces", "interface", &["1:1: `interface` is no known key: did you mean `interfaces`?"]),
        (
            r#"answer = "all""#,
            "answer = { subsett = 2 }",
            &["11:12: `subsett` is no known key: did you mean `subset`?"],
        ),
        ("[dns]", "[dsn]", &["3:2: `dsn` is no known key: did you mean `dns`?"]),
    ]);
}

#[test]
fn missing_keys() {
    rows(&[
        (
            r#"interfaces = ["eth0"]"#,
            "",
            &[
                r#"1:1: `interfaces` is missing: name the interfaces on which queries arrive, or set xdp_mode = "off""#,
            ],
        ),
        (
            r#"["eth0"]"#,
            "[]",
            &[
                r#"1:14: `interfaces` is empty: name the interfaces on which queries arrive, or set xdp_mode = "off""#,
            ],
        ),
        (
            "[cluster.probe]\ntype = \"tcp\"\nport = 443\ninterval = \"1s\"",
            "",
            &[
                r#"8:1: `probe` is missing: add [cluster.probe] with type = "tcp" and the port of the service"#,
            ],
        ),
        ("port = 443", "", &["12:1: `port` is missing: give the TCP port of the service, such as 443"]),
        ("count = 3", "", &["16:1: `count` is missing: give the number of the part's servers"]),
        (
            "name = \"internet.intern.netz\"\n",
            "",
            &["8:1: `name` is missing: give the DNS name that the cluster serves"],
        ),
        (
            "clients = [\"192.168.0.0/16\"]\n",
            "",
            &[
                r#"5:1: `clients` is missing: list the prefixes of the view's clients, such as ["192.168.0.0/16"]"#,
            ],
        ),
        (
            r#"["192.168.0.0/16"]"#,
            "[]",
            &[
                r#"7:11: `clients` is empty: list the prefixes of the view's clients, such as ["192.168.0.0/16"]"#,
            ],
        ),
        (
            r#"answer = "all""#,
            "answer = {}",
            &["11:10: `subset` is missing: write { subset = 2 } for answers of two addresses"],
        ),
        ("name = \"tgpro-9\"\n", "", &[r#"20:1: `name` is missing: name the server, such as "tgpro-9""#]),
        (
            "address = \"10.10.11.9\"\n",
            "",
            &[
                r#"20:1: `address` is missing, and no part counts a server "tgpro-9": give it one, or name a counted server (internet-1 … internet-3)"#,
            ],
        ),
        (
            "name = \"tgpro-9\"\naddress = \"10.10.11.9\"",
            r#"name = "internet-4""#,
            &[
                r#"20:1: `address` is missing, and no part counts a server "internet-4": give it one, or name a counted server (internet-1 … internet-3)"#,
            ],
        ),
        (
            "name = \"tgpro-9\"\naddress = \"10.10.11.9\"\nalias = \"192.168.7.9\"",
            r#"name = "internet-3""#,
            &[
                r#"20:1: "internet-3" is counted by a part and nothing is overridden: give an address, an alias, a weight, a tier or a probe, or take this table away"#,
            ],
        ),
        (
            r#"alias = "192.168.1.100""#,
            "alias = {}",
            &["19:9: `alias` is empty: write { view = address }, or take it away"],
        ),
        (
            r#"alias = "192.168.1.100""#,
            "alias = []",
            &["19:9: `alias` is an empty list: give an address, or take it away"],
        ),
        (
            "xdp_mode = \"native\"\n[dns]\nlisten = [\"0.0.0.0:53\"]",
            "xdp_mode = \"off\"\n[dns]\nlisten = []",
            &[
                r#"4:10: `listen` is empty and xdp_mode is "off", so nothing would answer: listen on an address, such as "0.0.0.0:53", or set another xdp_mode"#,
            ],
        ),
    ]);
}
