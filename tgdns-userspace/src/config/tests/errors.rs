//! Each row: what is written differently in the good file, and every mistake that is then told.

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
fn name_servers() {
    rows(&[
        (
            "ttl = 1\n",
            "nameservers = []\n",
            &["10:15: `nameservers` is empty: name the servers that are load balancers, or take it away"],
        ),
        (
            "ttl = 1\n",
            "nameservers = [\"lb1\"]\n",
            &[
                "10:16: this cluster has no server \"lb1\": name a server, or describe another machine in [[cluster.nameserver]]",
            ],
        ),
        (
            "ttl = 1\n",
            "nameservers = [\"internet-1\", \"internet-1\"]\n",
            &["10:30: name server \"internet-1\" is there already (line 10): take one away"],
        ),
        (
            "ttl = 1\n",
            "nameserver = [{ name = \"lb1\" }]\n",
            &["10:15: `address` is missing: give the load balancer's own address"],
        ),
        (
            "ttl = 1\n",
            "nameserver = [{ address = \"10.10.10.9\" }]\n",
            &["10:15: `name` is missing: name the load balancer, such as \"lb1\""],
        ),
        (
            "ttl = 1\n",
            "nameserver = [{ name = \"internet-1\", address = \"10.10.10.9\" }]\n",
            &[
                "10:24: \"internet-1\" is a server of the cluster: list it in `nameservers`, or give this machine another name",
            ],
        ),
    ]);
}

/// Servers and load balancers are names in the zone, and all of the latter go into one message.
#[test]
fn names_and_numbers_of_the_zone() {
    let stem = "x".repeat(61);
    let part = |stem: &str, count: u32| format!("name = \"{stem}\"\ncount = {count}\n");
    assert_eq!(mistakes(&changed("count = 3\n", &part(&stem, 9))), Vec::<String>::new());
    let longest = format!("{stem}-10");
    check(
        &changed("count = 3\n", &part(&stem, 10)),
        &[&format!(
            "18:8: its servers are called up to \"{longest}\", and a name has at most 63 characters: give this part a \
             shorter `name`, of at most 60 characters"
        )],
    );
    let many = |count: usize| {
        let each =
            (1..=count).map(|index| format!("{{ name = \"lb{index}\", address = \"10.9.9.{index}\" }}"));
        changed("ttl = 1\n", &format!("nameserver = [{}]\n", each.collect::<Vec<_>>().join(", ")))
    };
    assert_eq!(mistakes(&many(13)), Vec::<String>::new());
    check(&many(14), &["10:14: 14 name servers are more than the 13 that a zone can have: list fewer"]);
    let aliases = (1..=9).map(|index| format!("\"192.168.9.{index}\"")).collect::<Vec<_>>().join(", ");
    let machine =
        format!("nameserver = [{{ name = \"lb1\", address = \"10.9.9.9\", alias = [{aliases}] }}]\n");
    check(
        &changed("ttl = 1\n", &machine),
        &["10:61: 9 addresses are more than the 8 that a name server can have: give fewer"],
    );
}

#[test]
fn wrong_types() {
    rows(&[
        (
            "port = 443",
            r#"port = "443""#,
            &[r#"14:8: `port` must be a whole number from 1 to 65535, not "443""#],
        ),
        ("port = 443", "port = 1.5", &["14:8: `port` must be a whole number from 1 to 65535, not 1.5"]),
        (
            "port = 443",
            "port = 99999999999999999999999999",
            &["14:8: `port` must be a whole number from 1 to 65535, not 99999999999999999999999999"],
        ),
        (
            r#"interval = "1s""#,
            "interval = 1",
            &[
                r#"15:12: `interval` must be a duration in quotes from "10ms" to "1h", such as "500ms", not 1"#,
            ],
        ),
        (r#"["eth0"]"#, r#""eth0""#, &[r#"1:14: `interfaces` must be a list in brackets, not "eth0""#]),
        (
            r#"["eth0"]"#,
            "[3]",
            &[
                r#"1:15: each of `interfaces` must be an interface's name in quotes, such as "eth0" (1 to 15 bytes, no space, slash or colon), not 3"#,
            ],
        ),
        (
            r#""eth0""#,
            r#"5, "eth0", true"#,
            &[
                r#"1:15: each of `interfaces` must be an interface's name in quotes, such as "eth0" (1 to 15 bytes, no space, slash or colon), not 5"#,
                r#"1:26: each of `interfaces` must be an interface's name in quotes, such as "eth0" (1 to 15 bytes, no space, slash or colon), not true"#,
            ],
        ),
        (
            "[[cluster]]",
            "[cluster]",
            &["8:1: `cluster` may be there several times: write its header with two brackets, [[cluster]]"],
        ),
        (
            "[[cluster.part]]",
            "[cluster.part]",
            &[
                "16:1: `part` may be there several times: write its header with two brackets, [[cluster.part]]",
            ],
        ),
        ("[dns]", "[[dns]]", &["3:1: `dns` must be a table, not a list"]),
        (
            "[cluster.probe]\ntype = \"tcp\"\nport = 443\ninterval = \"1s\"",
            "probe = 5",
            &["12:9: `probe` must be a table, or a list of tables, not 5"],
        ),
        (
            "[cluster.probe]\ntype = \"tcp\"\nport = 443\ninterval = \"1s\"",
            r#"probe = ["tcp", 443]"#,
            &[
                r#"12:10: each of `probe` must be a table, not "tcp""#,
                "12:17: each of `probe` must be a table, not 443",
            ],
        ),
        (
            r#"answer = "all""#,
            "answer = 2",
            &[r#"11:10: `answer` must be "all", "one" or { subset = 2 }, not 2"#],
        ),
        (
            r#""192.168.1.100""#,
            "5",
            &[
                "19:9: `alias` must be an address in quotes, a list of addresses, or a table { view = address }, not 5",
            ],
        ),
        (
            r#""192.168.1.100""#,
            "{ lan = 5 }",
            &["19:17: `lan` must be an address in quotes, a list of addresses, \"own\" or \"none\", not 5"],
        ),
        (
            r#"interfaces = ["eth0"]"#,
            "[[interfaces]]",
            &[
                r#"1:1: `interfaces` must be an interface's name in quotes, such as "eth0" (1 to 15 bytes, no space, slash or colon), not a table"#,
            ],
        ),
    ]);
}

#[test]
fn ranges_and_words() {
    rows(&[
        (
            r#""native""#,
            r#""nativ""#,
            &[r#"2:12: `xdp_mode` must be "native", "generic" or "off", not "nativ""#],
        ),
        (
            r#"type = "tcp""#,
            r#"type = "ping""#,
            &[
                r#"13:8: `type` must be "tcp", "http", "https", "tls", "icmp", "dns", "exec", "file" or "agent", not "ping""#,
            ],
        ),
        (
            r#"answer = "all""#,
            r#"answer = "some""#,
            &[r#"11:10: `answer` must be "all", "one" or { subset = 2 }, not "some""#],
        ),
        (
            r#"answer = "all""#,
            "answer = { subset = 0 }",
            &["11:21: `subset` must be a whole number from 1 to 64, not 0"],
        ),
        (
            r#"answer = "all""#,
            "answer = { subset = 65 }",
            &["11:21: `subset` must be a whole number from 1 to 64, not 65"],
        ),
        ("port = 443", "port = 0", &["14:8: `port` must be a whole number from 1 to 65535, not 0"]),
        ("ttl = 1\n", "ttl = -1\n", &["10:7: `ttl` must be a whole number from 0 to 2147483647, not -1"]),
        ("count = 3", "count = 0", &["18:9: `count` must be a whole number from 1 to 64, not 0"]),
        ("count = 3", "count = 65", &["18:9: `count` must be a whole number from 1 to 64, not 65"]),
        (
            r#"interval = "1s""#,
            "interval = \"1s\"\nrise = 0\nfall = 0",
            &[
                "16:8: `rise` must be a whole number from 1 to 100, not 0",
                "17:8: `fall` must be a whole number from 1 to 100, not 0",
            ],
        ),
        (
            "xdp_mode = \"native\"\n",
            "control_group = \"net dev\"\n",
            &[
                r#"2:17: `control_group` must be a group's name in quotes, such as "netdev" (1 to 32 letters, digits, "_", "-" or "."), not "net dev""#,
            ],
        ),
        (
            "xdp_mode = \"native\"\n",
            "state_dir = \"var/lib\"\ncontrol = \"/run/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"\n",
            &[
                r#"2:13: `state_dir` must be an absolute path in quotes, such as "/var/lib/tgdns", not "var/lib""#,
                "3:11: `control` has 108 bytes, a socket's path at most 107: shorten it",
            ],
        ),
        (
            r#"address = "10.10.11.9""#,
            "address = \"10.10.11.9\"\nweight = 65536",
            &["23:10: `weight` must be a whole number from 0 to 65535, not 65536"],
        ),
    ]);
}

#[test]
fn tcp_limits() {
    rows(&[
        (
            "[dns]\n",
            "[dns]\ntcp_connections = 0\ntcp_connections_per_client = 100001\ntcp_idle_timeout = \"99ms\"\n",
            &[
                "4:19: `tcp_connections` must be a whole number from 1 to 100000, not 0",
                "5:30: `tcp_connections_per_client` must be a whole number from 1 to 100000, not 100001",
                r#"6:20: `tcp_idle_timeout` must be a duration in quotes from "100ms" to "1h", such as "500ms", not "99ms""#,
            ],
        ),
        (
            "[dns]\n",
            "[dns]\ntcp_connections_per_client = 60\ntcp_connections = 50\n",
            &[
                "4:30: `tcp_connections_per_client` (60) is more than `tcp_connections` (50): lower it, or raise `tcp_connections`",
            ],
        ),
        // What the total was meant to be is not known.
        (
            "[dns]\n",
            "[dns]\ntcp_connections_per_client = 60\ntcp_connections = 0\n",
            &["5:19: `tcp_connections` must be a whole number from 1 to 100000, not 0"],
        ),
        (
            "[dns]\n",
            "[dns]\ntcp_connection = 5\n",
            &["4:1: `tcp_connection` is no known key: did you mean `tcp_connections`?"],
        ),
    ]);
}

#[test]
fn durations() {
    rows(&[
        (
            r#"interval = "1s""#,
            r#"interval = "1 sekunde""#,
            &[
                r#"15:12: `interval` must be a duration in quotes from "10ms" to "1h", such as "500ms", not "1 sekunde""#,
            ],
        ),
        (
            r#"interval = "1s""#,
            r#"interval = "0s""#,
            &[
                r#"15:12: `interval` must be a duration in quotes from "10ms" to "1h", such as "500ms", not "0s""#,
            ],
        ),
        (
            r#"interval = "1s""#,
            r#"interval = "2h""#,
            &[
                r#"15:12: `interval` must be a duration in quotes from "10ms" to "1h", such as "500ms", not "2h""#,
            ],
        ),
        (
            r#"interval = "1s""#,
            r#"timeout = "0ms""#,
            &[
                r#"15:11: `timeout` must be a duration in quotes from "1ms" to "1m", such as "500ms", not "0ms""#,
            ],
        ),
        (
            r#"interval = "1s""#,
            "interval = \"50ms\"\ntimeout = \"70ms\"\nfast_interval = \"51ms\"",
            &[
                "16:11: `timeout` (70ms) is longer than `interval` (50ms): shorten it, or lengthen `interval`",
                "17:17: `fast_interval` (51ms) is longer than `interval` (50ms): shorten it, or lengthen `interval`",
            ],
        ),
        (
            r#"interval = "1s""#,
            "interval = \"x\"\ntimeout = \"70s\"\nfast_interval = \"20s\"",
            &[
                r#"15:12: `interval` must be a duration in quotes from "10ms" to "1h", such as "500ms", not "x""#,
                r#"16:11: `timeout` must be a duration in quotes from "1ms" to "1m", such as "500ms", not "70s""#,
            ],
        ),
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

#[test]
fn addresses() {
    rows(&[
        (
            r#""10.10.10.100""#,
            r#""10.10.10.300""#,
            &[
                r#"17:9: `first` must be an address in quotes, such as "10.10.10.100" or "fd00::100", not "10.10.10.300""#,
            ],
        ),
        (
            r#""10.10.10.100""#,
            r#""10.10.10.100/33""#,
            &[
                r#"17:9: `first` must be an address in quotes, such as "10.10.10.100" or "fd00::100", not "10.10.10.100/33""#,
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""tgpro-9.intern.netz""#,
            &[
                r#"22:11: `address` must be an address in quotes, such as "10.10.10.100" or "fd00::100", not "tgpro-9.intern.netz""#,
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""224.0.0.1""#,
            &[
                "22:11: `address`: 224.0.0.1 is a multicast address: write the address that one machine is reached by",
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""255.255.255.255""#,
            &[
                "22:11: `address`: 255.255.255.255 is the broadcast address: write the address that one machine is reached by",
            ],
        ),
        (
            r#""192.168.7.9""#,
            r#"["224.0.0.1", "::", "0.0.0.0"]"#,
            &[
                "23:10: `alias`: 224.0.0.1 is a multicast address: write the address that one machine is reached by",
                "23:23: `alias`: :: is the unspecified address: write the address that one machine is reached by",
                "23:29: `alias`: 0.0.0.0 belongs to \"this network\" (0.0.0.0/8): write the address that one machine is reached by",
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""0.0.0.0""#,
            &[
                r#"22:11: `address`: 0.0.0.0 belongs to "this network" (0.0.0.0/8): write the address that one machine is reached by"#,
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""ff02::1""#,
            &[
                "22:11: `address`: ff02::1 is a multicast address: write the address that one machine is reached by",
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""::""#,
            &[
                "22:11: `address`: :: is the unspecified address: write the address that one machine is reached by",
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""fe80::1""#,
            &[
                "22:11: `address`: fe80::1 is link-local and means nothing beyond its link: write the address that one machine is reached by",
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""::ffff:10.1.1.1""#,
            &[
                "22:11: `address`: ::ffff:10.1.1.1 is an IPv4 address written as IPv6: write the address that one machine is reached by",
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""10.10.11.9/24""#,
            &[
                r#"22:11: `address`: "10.10.11.9/24" has a prefix, but nothing is counted here: write "10.10.11.9""#,
            ],
        ),
        (
            r#""192.168.7.9""#,
            r#"["192.168.7.9", "239.0.0.1"]"#,
            &[
                "23:25: `alias`: 239.0.0.1 is a multicast address: write the address that one machine is reached by",
            ],
        ),
        (
            r#""192.168.0.0/16""#,
            r#""192.168.0.1/16", "192.168.0.0", "10.0.0.0/33", "::ffff:10.0.0.0/104""#,
            &[
                r#"7:12: `clients`: "192.168.0.1/16" has bits set behind its prefix length: write "192.168.0.0/16""#,
                r#"7:30: `clients`: "192.168.0.0" has no prefix length: write "192.168.0.0/32" for this one client, or the length of its network"#,
                r#"7:45: each of `clients` must be a prefix in quotes, such as "192.168.0.0/16" or "fd00::/8", not "10.0.0.0/33""#,
                r#"7:60: `clients`: "::ffff:10.0.0.0/104" is IPv4 written as IPv6: no client asks from there, write the IPv4 prefix"#,
            ],
        ),
        (
            r#""0.0.0.0:53""#,
            r#""0.0.0.0", "[::]:0", "224.0.0.1:53""#,
            &[
                r#"4:11: each of `listen` must be an address and a port in quotes, such as "0.0.0.0:53" or "[::]:53", not "0.0.0.0""#,
                r#"4:22: `listen`: "[::]:0" has port 0, which nobody can ask: write a port such as 53"#,
                "4:32: `listen`: 224.0.0.1 is a multicast address: listen on an address of this host",
            ],
        ),
    ]);
}

#[test]
fn names() {
    rows(&[
        (
            r#""tgpro-9""#,
            r#""tg pro""#,
            &[r#"21:8: `name`: "tg pro" is no name: write a-z, 0-9, '-' or '_' in place of ' '"#],
        ),
        (
            r#""tgpro-9""#,
            r#""""#,
            &[r#"21:8: `name`: "" is no name: a label is empty; write at least one character"#],
        ),
        (
            r#""tgpro-9""#,
            r#""-tgpro""#,
            &[r#"21:8: `name`: "-tgpro" is no name: a label starts or ends with '-'; take it away"#],
        ),
        (
            r#""internet.intern.netz""#,
            r#""internet..netz""#,
            &[
                r#"9:8: `name`: "internet..netz" is no DNS name: a label is empty; write at least one character"#,
            ],
        ),
        (
            r#""internet.intern.netz""#,
            r#""10.1.1.1""#,
            &[r#"9:8: `name`: "10.1.1.1" is an address: a cluster's name is the DNS name it serves"#],
        ),
        (
            r#""internet.intern.netz""#,
            r#""büro.netz""#,
            &[
                r#"9:8: `name`: "büro.netz" is no DNS name: write a-z, 0-9, '-' or '_' in place of 'ü'; international names have an xn-- form"#,
            ],
        ),
        (
            r#""internet.intern.netz""#,
            r#""aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.netz""#,
            &[
                r#"9:8: `name`: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.netz" is no DNS name: a label has 64 characters; at most 63 are allowed"#,
            ],
        ),
        (
            r#""internet.intern.netz""#,
            r#""aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.netz""#,
            &[
                r#"9:8: `name`: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.netz" takes 65 bytes on the wire, but the fast path compares names of at most 64: use a name of at most 62 characters"#,
            ],
        ),
        (
            r#""lan""#,
            r#""default""#,
            &[r#"6:8: the view name "default" stands for the clients in no view: use another name"#],
        ),
        (
            r#""eth0""#,
            r#""a-name-too-long-""#,
            &[
                r#"1:15: each of `interfaces` must be an interface's name in quotes, such as "eth0" (1 to 15 bytes, no space, slash or colon), not "a-name-too-long-""#,
            ],
        ),
        (
            r#""eth0""#,
            r#""eth 0""#,
            &[
                r#"1:15: each of `interfaces` must be an interface's name in quotes, such as "eth0" (1 to 15 bytes, no space, slash or colon), not "eth 0""#,
            ],
        ),
    ]);
}

#[test]
fn counting_out_of_bounds() {
    rows(&[
        (
            r#""10.10.10.100""#,
            r#""10.10.10.254""#,
            &[
                r#"17:9: `first`: counting 3 addresses from 10.10.10.254 reaches 10.10.11.0, outside of 10.10.10.0/24; start lower, count fewer, or write the network's own prefix, such as "10.10.10.254/23""#,
            ],
        ),
        (
            r#""192.168.1.100""#,
            r#""192.168.1.254""#,
            &[
                r#"19:9: `alias`: counting 3 addresses from 192.168.1.254 reaches 192.168.2.0, outside of 192.168.1.0/24; start lower, count fewer, or write the network's own prefix, such as "192.168.1.254/22""#,
            ],
        ),
        (
            r#""192.168.1.100""#,
            r#"["192.168.1.100", "fd00::ffff:ffff:ffff:fffe"]"#,
            &[
                r#"19:27: `alias`: counting 3 addresses from fd00::ffff:ffff:ffff:fffe reaches fd00:0:0:1::, outside of fd00::/64; start lower, count fewer, or write the network's own prefix, such as "fd00::ffff:ffff:ffff:fffe/63""#,
            ],
        ),
        (
            r#""192.168.1.100""#,
            r#"{ lan = "192.168.1.254" }"#,
            &[
                r#"19:17: `alias`: counting 3 addresses from 192.168.1.254 reaches 192.168.2.0, outside of 192.168.1.0/24; start lower, count fewer, or write the network's own prefix, such as "192.168.1.254/22""#,
            ],
        ),
        (
            r#""10.10.10.100""#,
            r#""10.10.10.254/30""#,
            &[
                r#"17:9: `first`: counting 3 addresses from 10.10.10.254 reaches 10.10.11.0, outside of 10.10.10.252/30; start lower, count fewer, or write the network's own prefix, such as "10.10.10.254/23""#,
            ],
        ),
        (
            r#""10.10.10.100""#,
            r#""255.255.255.254/8""#,
            &[
                "17:9: `first`: counting 3 addresses from 255.255.255.254 runs past the end of the IPv4 address space: start lower or count fewer",
            ],
        ),
        (
            r#""192.168.1.100""#,
            r#""223.255.255.254/1""#,
            &[
                "19:9: `alias`: counting from 223.255.255.254 reaches 224.0.0.0, which is a multicast address: write the address that one machine is reached by",
            ],
        ),
    ]);
}

#[test]
fn counting_tables() {
    let written = |alias: &str| changed("\"192.168.1.100\"", alias);
    for (alias, expected) in [
        (
            "{ base = \"192.168.1.1\", step = -1 }",
            "19:18: `alias`: counting 3 addresses from 192.168.1.1 by -1 reaches 192.168.0.255, outside of 192.168.1.0/24; start higher, count fewer, or write the network's own prefix, such as \"192.168.1.1/23\"",
        ),
        (
            "{ base = \"192.168.1.1\", step = 0 }",
            "19:40: `step` must be a whole number from -4294967296 to 4294967296 and not 0, such as -1 to count backwards, not 0",
        ),
        ("{ base = \"192.168.1.1\", stepp = 2 }", "19:33: `stepp` is no known key: did you mean `step`?"),
        (
            "{ base = \"192.168.1.1\", lan = \"192.168.1.2\" }",
            "19:33: `lan` is no known key here: the known ones are base, step, skip, each",
        ),
        ("{ step = -1 }", "19:9: `base` is missing: give the alias of the part's first server"),
        (
            "{ lan = { skip = [\"192.168.1.1\"] } }",
            "19:17: `base` is missing: give the alias of the part's first server",
        ),
        (
            "{ lan = { base = 5 } }",
            "19:26: `base` must be an address in quotes, such as \"10.10.10.100\" or \"fd00::100\", not 5",
        ),
        (
            "{ base = \"192.168.1.100\", skip = [\"192.168.1.103\"] }",
            "19:43: 192.168.1.103 is none of those counted from 192.168.1.100 to 192.168.1.102: take it away",
        ),
        (
            "{ base = \"192.168.1.100\", skip = [\"192.168.1.101\", \"192.168.1.101\"] }",
            "19:60: 192.168.1.101 is skipped twice: take one away",
        ),
        (
            "{ base = \"192.168.1.100\", each = [\"192.168.1.1\"] }",
            "19:42: `each` lists the aliases, so none is counted: take away either `each`, or `base`, `step` and `skip`",
        ),
        (
            "{ each = [\"192.168.1.1\", \"none\"] }",
            "19:18: `each` has 2 aliases for 3 servers: give one for each, \"none\" for who has none",
        ),
        (
            "{ each = [\"192.168.1.1\", \"own\", \"none\"] }",
            "19:34: each of `each` must be an address in quotes, such as \"10.10.10.100\", or \"none\", not \"own\"",
        ),
        (
            "\"none\"",
            "19:9: `alias` is \"none\", so that no client is told of it: take the server away, or tell the views: { lan = \"none\" }",
        ),
        (
            "{ base = \"192.168.1.253/24\" }",
            "19:18: `alias`: counting from 192.168.1.253 reaches 192.168.1.255, which is the broadcast address in 192.168.1.0/24: name it in `skip`, or count elsewhere",
        ),
        (
            "\"192.168.0.0/23\"",
            "19:9: `alias`: counting from 192.168.0.0 reaches 192.168.0.0, which is the network's own address in 192.168.0.0/23: name it in `skip`, or count elsewhere",
        ),
        (
            "\"fd00::/64\"",
            "19:9: `alias`: counting from fd00:: reaches fd00::, which is the routers' anycast address in fd00::/64: name it in `skip`, or count elsewhere",
        ),
    ] {
        check(&written(alias), &[expected]);
    }
}

#[test]
fn holes_in_parts() {
    rows(&[
        (
            "count = 3\n",
            "count = 3\nskip = [\"10.10.10.103\"]\n",
            &["19:9: 10.10.10.103 is none of those counted from 10.10.10.100 to 10.10.10.102: take it away"],
        ),
        (
            "count = 3\n",
            "count = 1\nskip = [\"10.10.10.100\"]\n",
            &["19:8: `skip` names all addresses of this part: take the part away, or skip fewer"],
        ),
        (
            "first = \"10.10.10.100\"\ncount = 3",
            "first = \"10.10.10.1\"\ncount = 3\nstep = -1",
            &[
                "17:9: `first`: counting 3 addresses from 10.10.10.1 by -1 reaches 10.10.9.255, outside of 10.10.10.0/24; start higher, count fewer, or write the network's own prefix, such as \"10.10.10.1/22\"",
            ],
        ),
        (
            "first = \"10.10.10.100\"\ncount = 3",
            "first = \"1.0.0.1/0\"\ncount = 3\nstep = -16777215",
            &[
                "17:9: `first`: counting 3 addresses from 1.0.0.1 by -16777215 runs past the beginning of the IPv4 address space: start higher or count fewer",
            ],
        ),
    ]);
}

#[test]
fn default_views() {
    for (written, expected) in [
        ("\"lann\"", "3:16: `default_view`: \"lann\" is no known view: did you mean \"lan\"?"),
        (
            "\"somebody\"",
            "3:16: `default_view`: \"somebody\" is no known view: use one of: lan, default, nodata, refused",
        ),
        ("5", "3:16: `default_view` must be a name in quotes, such as \"tgpro-9\", not 5"),
    ] {
        check(&changed("[dns]\n", &format!("default_view = {written}\n[dns]\n")), &[expected]);
    }
}

#[test]
fn least_ttls() {
    rows(&[
        (
            "ttl = 1\n",
            "ttl = 10\nttl_min = 10\n",
            &[
                "11:11: `ttl_min` (10) is not below `ttl` (10): lower it, or raise `ttl` to as long as an answer may be kept at most",
            ],
        ),
        (
            "ttl = 1\n",
            "ttl_min = 1\n",
            &[
                "10:11: `ttl_min` (1) is not below `ttl` (1): lower it, or raise `ttl` to as long as an answer may be kept at most",
            ],
        ),
        (
            "ttl = 1\n",
            "ttl = 10\nttl_min = -1\n",
            &["11:11: `ttl_min` must be a whole number from 0 to 2147483647, not -1"],
        ),
    ]);
}

#[test]
fn hooks() {
    for (written, expected) in [
        (
            "on = [\"up\"]",
            "3:1: `command` is missing: give the program and its arguments, such as [\"/usr/local/bin/tell\", \"--now\"], or a `url`",
        ),
        (
            "command = []",
            "4:11: `command` is empty: give the program and its arguments, such as [\"/usr/local/bin/tell\", \"--now\"]",
        ),
        ("command = [\"tell\"]", "4:12: \"tell\" is no path: write its absolute path: no shell looks for it"),
        (
            "command = [\"/bin/tell\"]\non = []",
            "5:6: `on` is empty, so that it is never run: take it away for all occasions",
        ),
        (
            "command = [\"/bin/tell\"]\non = [\"dead\"]",
            "5:7: each of `on` must be \"up\", \"down\", \"unknown\", \"ready\", \"drain\", \"maint\", \
             \"reported\", \"weight\", \"probing\" or \"answers\", not \"dead\"",
        ),
        (
            "command = [\"/bin/tell\"]\ntimeout = \"1h\"",
            "5:11: `timeout` must be a duration in quotes from \"100ms\" to \"10m\", such as \"500ms\", not \"1h\"",
        ),
        (
            "command = [\"/bin/tell\"]\nurl = \"http://192.0.2.1/\"",
            "5:7: a hook has a `command` or a `url`: take one of them away",
        ),
        (
            "url = \"ftp://192.0.2.1/\"\nca = \"/ca.pem\"",
            "4:7: `url` must be a URL in quotes, such as \"https://192.0.2.1/tgdns\" or \"http://192.0.2.1:8080/\", not \"ftp://192.0.2.1/\"",
        ),
        (
            "url = \"http://192.0.2.1:0/\"",
            "4:7: `url` must be a URL in quotes, such as \"https://192.0.2.1/tgdns\" or \"http://192.0.2.1:8080/\", not \"http://192.0.2.1:0/\"",
        ),
        (
            "url = \"/tgdns\"",
            "4:7: `url` must be a URL in quotes, such as \"https://192.0.2.1/tgdns\" or \"http://192.0.2.1:8080/\", not \"/tgdns\"",
        ),
        (
            "url = \"https://192.0.2.1/#a\"",
            "4:7: `url`: \"https://192.0.2.1/#a\" has a '#', whose rest no server gets: write %23, or end before",
        ),
        (
            "url = \"https://me:secret@192.0.2.1/\"",
            "4:7: `url`: a URL's user and password are not sent: take them away",
        ),
        (
            "url = \"http://192.0.2.1/\"\nca = \"/ca.pem\"",
            "5:6: `ca` is of no use without a `url` of https: take it away",
        ),
        (
            "command = [\"/bin/tell\"]\nca = \"/ca.pem\"",
            "5:6: `ca` is of no use without a `url` of https: take it away",
        ),
        (
            "url = \"https://192.0.2.1/\"\nca = \"/nonexistent/ca.pem\"",
            "5:6: `ca`: /nonexistent/ca.pem can't be read: No such file or directory (os error 2)",
        ),
        (
            "command = [\"/bin/tell\", \"a\\u0000b\"]",
            "4:25: a zero byte ends a program's argument, so none may hold one: take it away",
        ),
    ] {
        check(&changed("[dns]\n", &format!("[[hook]]\n{written}\n[dns]\n")), &[expected]);
    }
    check(
        &changed("[dns]\n", "[[hook]]\ncommand = 1\nurl = \"http://192.0.2.1/\"\n[dns]\n"),
        &[
            "4:11: `command` must be a list in brackets, not 1",
            "5:7: a hook has a `command` or a `url`: take one of them away",
        ],
    );
}

#[test]
fn overlaps() {
    rows(&[
        (
            "[[cluster.server]]",
            "[[cluster.part]]\nfirst = \"10.10.10.102\"\ncount = 2\n[[cluster.server]]",
            &[
                "21:9: this part (10.10.10.102 to 10.10.10.103) overlaps the part of line 17 (10.10.10.100 to 10.10.10.102): move one of them, or count fewer",
            ],
        ),
        (
            r#""10.10.11.9""#,
            r#""10.10.10.101""#,
            &[
                r#"22:11: 10.10.10.101 of server "tgpro-9" is the address of "internet-2" (line 17): each server needs its own"#,
            ],
        ),
        (
            r#""192.168.7.9""#,
            r#""192.168.1.101""#,
            &[
                r#"23:9: 192.168.1.101 is handed out twice: for "internet-2" (line 19) and for "tgpro-9": each server needs its own alias"#,
            ],
        ),
        (
            r#""192.168.7.9""#,
            r#"{ lan = "192.168.1.101" }"#,
            &[
                r#"23:17: 192.168.1.101 is handed out twice in view "lan": for "internet-2" (line 19) and for "tgpro-9": each server needs its own alias"#,
            ],
        ),
        (
            r#""192.168.7.9""#,
            r#"["192.168.7.9", "192.168.7.9"]"#,
            &[r#"23:9: 192.168.7.9 is listed twice for server "tgpro-9": take one away"#],
        ),
        (
            r#""192.168.1.100""#,
            r#"["192.168.1.100", "192.168.1.102"]"#,
            &[
                r#"19:9: 192.168.1.102 is handed out twice: for "internet-1" (line 19) and for "internet-3": each server needs its own alias"#,
            ],
        ),
        (
            "\nalias = \"192.168.7.9\"",
            "\nalias = { lan = \"192.168.7.9\", default = \"192.168.1.102\" }",
            &[
                r#"23:42: 192.168.1.102 is handed out twice: for "internet-3" (line 19) and for "tgpro-9": each server needs its own alias"#,
            ],
        ),
        (
            "name = \"tgpro-9\"\naddress = \"10.10.11.9\"\n",
            "name = \"internet-2\"\naddress = \"10.10.10.102\"\n",
            &[
                r#"17:9: 10.10.10.102 of server "internet-3" is the address of "internet-2" (line 22): each server needs its own"#,
            ],
        ),
        (
            "count = 3\nalias = \"192.168.1.100\"",
            "count = 40\nalias = [\"192.168.1.100\", \"192.168.2.100\"]",
            &["8:1: 81 addresses of one family are handed out, at most 64 are possible: give fewer aliases"],
        ),
    ]);
}

#[test]
fn one_name_twice() {
    rows(&[
        (r#""eth0""#, r#""eth0", "eth0""#, &[r#"1:23: interface "eth0" is listed twice: take one away"#]),
        (
            r#""0.0.0.0:53""#,
            r#""0.0.0.0:53", "0.0.0.0:53""#,
            &["4:25: 0.0.0.0:53 is listed twice: take one away"],
        ),
        (
            "[[cluster]]",
            "[[view]]\nname = \"LAN\"\nclients = [\"10.0.0.0/8\"]\n[[cluster]]",
            &[r#"9:8: view "lan" is there already (line 6): use another name"#],
        ),
        (
            "[[cluster]]",
            "[[view]]\nname = \"vpn\"\nclients = [\"10.0.0.0/8\", \"192.168.0.0/16\"]\n[[cluster]]",
            &[
                r#"10:26: 192.168.0.0/16 belongs to view "lan" already (line 7): a client can be in one view only"#,
            ],
        ),
        (
            r#""192.168.0.0/16""#,
            r#""192.168.0.0/16", "192.168.0.0/16""#,
            &["7:30: 192.168.0.0/16 is there already (line 7): take one away"],
        ),
        (
            "[[cluster.server]]",
            "[[cluster.part]]\nname = \"internet\"\nfirst = \"10.10.9.102\"\ncount = 2\n[[cluster.server]]",
            &[r#"21:8: server "internet-1" is there already (line 16): give this part another `name`"#],
        ),
        (
            "count = 3",
            "count = 3\nname = \"a\"\n[[cluster.part]]\nname = \"a\"\nfirst = \"10.10.9.102\"\ncount = 2",
            &[r#"21:8: part "a" is there already (line 19): use another name"#],
        ),
        (
            "[[cluster.server]]",
            "[[cluster.server]]\nname = \"tgpro-9\"\naddress = \"10.10.11.10\"\n[[cluster.server]]",
            &[r#"24:8: server "tgpro-9" is there already (line 21): use another name"#],
        ),
        (
            "\nalias = \"192.168.7.9\"\n",
            "\nalias = \"192.168.7.9\"\n[[cluster]]\nname = \"Internet.intern.netz.\"\nprobe.port = 443\n[[cluster.part]]\nfirst = \"10.10.10.100\"\ncount = 3\n",
            &[
                r#"25:8: cluster "internet.intern.netz" is there already (line 9): give all its servers there"#,
            ],
        ),
        (
            "\nalias = \"192.168.7.9\"\n",
            "\nalias = \"192.168.7.9\"\n[[cluster]]\nname = \"other.intern.netz\"\nprobe.port = 443\n[[cluster.server]]\nname = \"tgpro-9\"\naddress = \"10.10.10.100\"\n",
            &[r#"28:8: server "tgpro-9" is there already (line 21): use another name"#],
        ),
    ]);
}

#[test]
fn unknown_views() {
    rows(&[
        (
            r#""192.168.1.100""#,
            r#"{ lan = "192.168.1.100", lun = "192.168.2.100" }"#,
            &[r#"19:34: "lun" is no known view: did you mean "lan"?"#],
        ),
        (
            r#""192.168.1.100""#,
            r#"{ lan = "192.168.1.100", wlan2 = "192.168.2.100" }"#,
            &[r#"19:34: "wlan2" is no known view: add a [[view]] of this name, or use one of: lan, default"#],
        ),
    ]);
}

#[test]
fn too_many_servers() {
    rows(&[(
        "count = 3",
        "count = 64",
        &["8:1: this cluster has 65 servers, at most 64 are possible: move some to another cluster"],
    )]);
}

#[test]
fn not_toml() {
    rows(&[
        (
            "ttl = 1\n",
            "ttl = \nfoo bar\n",
            &[
                "10:7: this is not TOML: string values must be quoted, expected literal string",
                "11:5: this is not TOML: key with no value, expected `=`",
            ],
        ),
        (
            "ttl = 1\n",
            "ttl = 1\nttl = 5\ntll = 4\n",
            &[
                "11:1: this key or table is there already: keep one of them",
                "12:1: `tll` is no known key: did you mean `ttl`?",
            ],
        ),
        ("[dns]", "[dns", &["3:5: this is not TOML: unclosed table, expected `]`"]),
        (
            r#"["eth0"]"#,
            r#"["eth0""#,
            &["2:1: this is not TOML: missing comma between array elements, expected `,`"],
        ),
        (r#""eth0""#, r#""eth0"#, &[r#"1:21: this is not TOML: invalid basic string, expected `"`"#]),
    ]);
}

#[test]
fn mistakes_do_not_breed() {
    rows(&[
        (
            r#"name = "lan""#,
            r#"name = "l a n""#,
            &[r#"6:8: `name`: "l a n" is no name: write a-z, 0-9, '-' or '_' in place of ' '"#],
        ),
        (
            r#""192.168.1.100""#,
            r#"{ lan = "abc" }"#,
            &[
                r#"19:17: `lan` must be an address in quotes, such as "10.10.10.100" or "fd00::100", not "abc""#,
            ],
        ),
        (
            "first = \"10.10.10.100\"\ncount = 3",
            "first = \"x\"\ncount = 3",
            &[
                r#"17:9: `first` must be an address in quotes, such as "10.10.10.100" or "fd00::100", not "x""#,
            ],
        ),
        (
            "first = \"10.10.10.100\"\ncount = 3\nalias = \"192.168.1.100\"\n[[cluster.server]]\nname = \"tgpro-9\"\naddress = \"10.10.11.9\"",
            "first = \"10.10.10.100\"\ncount = 0\n[[cluster.server]]\nname = \"internet-2\"",
            &["18:9: `count` must be a whole number from 1 to 64, not 0"],
        ),
        (
            "name = \"lan\"\nclients = [\"192.168.0.0/16\"]\n[[cluster]]\nname = \"internet.intern.netz\"",
            "name = 5\nclients = [5]\n[[cluster]]\nname = \"internet\"",
            &[
                r#"6:8: `name` must be a name in quotes, such as "tgpro-9", not 5"#,
                r#"7:12: each of `clients` must be a prefix in quotes, such as "192.168.0.0/16" or "fd00::/8", not 5"#,
            ],
        ),
        (
            r#"alias = "192.168.7.9""#,
            "alias = { lun = \"192.168.7.9\" }\n[[view]]\nname = 7\nclients = [\"10.0.0.0/8\"]",
            &[r#"25:8: `name` must be a name in quotes, such as "tgpro-9", not 7"#],
        ),
        (
            r#"["0.0.0.0:53"]"#,
            "[53]",
            &[
                r#"4:11: each of `listen` must be an address and a port in quotes, such as "0.0.0.0:53" or "[::]:53", not 53"#,
            ],
        ),
    ]);
}

#[test]
fn several_mistakes_at_once() {
    let text = r#"interfaces = ["eth0", 1]
xdp_mode = "nativ"
[dns]
listen = ["0.0.0.0"]
colour = "blue"
[[view]]
name = "lan"
clients = ["192.168.0.1/16"]
[[cluster]]
name = "internet.intern.netz"
ttl = "1"
[cluster.probe]
prot = 443
interval = 1
[[cluster.part]]
first = "10.10.10.250"
count = 10
alias = { lan = "192.168.1.100", lun = "192.168.2.100" }
[[cluster.part]]
first = "10.10.20.100"
count = 3
[[cluster.part]]
first = "10.10.20.101"
count = 3
[[cluster]]
name = "second.intern.netz"
probe.port = 0
[[cluster.server]]
name = "tgpro-9"
adress = "10.10.11.9"
"#;
    check(
        text,
        &[
            r#"1:23: each of `interfaces` must be an interface's name in quotes, such as "eth0" (1 to 15 bytes, no space, slash or colon), not 1"#,
            r#"2:12: `xdp_mode` must be "native", "generic" or "off", not "nativ""#,
            r#"4:11: each of `listen` must be an address and a port in quotes, such as "0.0.0.0:53" or "[::]:53", not "0.0.0.0""#,
            "5:1: `colour` is no known key here: the known ones are listen, identity, version, cookie_secret, tcp_connections, tcp_connections_per_client, tcp_idle_timeout",
            r#"8:12: `clients`: "192.168.0.1/16" has bits set behind its prefix length: write "192.168.0.0/16""#,
            r#"11:7: `ttl` must be a whole number from 0 to 2147483647, not "1""#,
            "13:1: `prot` is no known key: did you mean `port`?",
            r#"14:12: `interval` must be a duration in quotes from "10ms" to "1h", such as "500ms", not 1"#,
            r#"16:9: `first`: counting 10 addresses from 10.10.10.250 reaches 10.10.11.3, outside of 10.10.10.0/24; start lower, count fewer, or write the network's own prefix, such as "10.10.10.250/23""#,
            r#"18:34: "lun" is no known view: did you mean "lan"?"#,
            "23:9: this part (10.10.20.101 to 10.10.20.103) overlaps the part of line 20 (10.10.20.100 to 10.10.20.102): move one of them, or count fewer",
            "27:14: `port` must be a whole number from 1 to 65535, not 0",
            "30:1: `adress` is no known key: did you mean `address`?",
        ],
    );
}

#[test]
fn policies() {
    let policy = |line: &str, expected: &[&str]| check(&changed("ttl = 1\n", &format!("{line}\n")), expected);
    for (line, expected) in [
        (
            "select = \"random\"",
            r#"10:10: `select` must be "rotate", "weighted", "sticky" or { sticky = { ipv4 = 24, ipv6 = 56 } }, not "random""#,
        ),
        (
            "select = 5",
            r#"10:10: `select` must be "rotate", "weighted", "sticky" or { sticky = { ipv4 = 24, ipv6 = 56 } }, not 5"#,
        ),
        ("select = { stickey = {} }", "10:12: `stickey` is no known key: did you mean `sticky`?"),
        (
            "select = {}",
            "10:10: `sticky` is missing: write { sticky = { ipv4 = 24, ipv6 = 56 } } for networks of clients",
        ),
        ("select = { sticky = { ipv4 = 33 } }", "10:30: `ipv4` must be a whole number from 0 to 32, not 33"),
        (
            "select = { sticky = { ipv6 = 129 } }",
            "10:30: `ipv6` must be a whole number from 0 to 128, not 129",
        ),
        ("select = { sticky = { ipv5 = 1 } }", "10:23: `ipv5` is no known key: did you mean `ipv4`?"),
        ("spill_below = 0", "10:15: `spill_below` must be a whole number from 1 to 64, not 0"),
        (
            "slow_start = \"10ms\"",
            r#"10:14: `slow_start` must be a duration in quotes from "1s" to "1h", such as "500ms", not "10ms""#,
        ),
        (
            "select = \"rotate\"\nslow_start = \"30s\"",
            r#"11:14: `slow_start` raises weights, which select = "rotate" ignores: take it away, or set select = "weighted""#,
        ),
        (
            "min_up = 0",
            r#"10:10: `min_up` must be a number of servers, such as 2, or a part of them in quotes, such as "50%", not 0"#,
        ),
        (
            "min_up = \"101%\"",
            r#"10:10: `min_up` must be a number of servers, such as 2, or a part of them in quotes, such as "50%", not "101%""#,
        ),
        (
            "min_up = 5",
            "10:10: `min_up` (5) is more than this cluster's 4 servers: lower it, or too few are always live",
        ),
        (
            "all_down = \"nxdomain\"",
            r#"10:12: `all_down` must be "all", "last", "servfail", "refused", "nodata" or a list of addresses in brackets, not "nxdomain""#,
        ),
        (
            "all_down = []",
            r#"10:12: `all_down` is an empty list: list addresses, or write "nodata" for an answer without any"#,
        ),
        ("all_down = [\"192.0.2.1\", \"192.0.2.1\"]", "10:26: 192.0.2.1 is listed twice: take one away"),
        (
            "all_down = [\"224.0.0.1\"]",
            "10:13: `all_down`: 224.0.0.1 is a multicast address: write the address that one machine is reached by",
        ),
    ] {
        policy(line, &[expected]);
    }
    let many = (1..=65).map(|number| format!("\"192.0.2.{number}\"")).collect::<Vec<_>>().join(", ");
    policy(
        &format!("all_down = [{many}]"),
        &["10:12: `all_down` lists 65 addresses, at most 64 are possible: take some away"],
    );
    rows(&[
        (
            "alias = \"192.168.7.9\"",
            "alias = \"192.168.7.9\"\ntier = 0",
            &["24:8: `tier` must be a whole number from 1 to 255, not 0"],
        ),
        (
            "count = 3\n",
            "count = 3\ntier = 256\n",
            &["19:8: `tier` must be a whole number from 1 to 255, not 256"],
        ),
    ]);
    // Rows of a subset by weight have room for so many.
    let with = |size: u32, count: u32, more: &str| {
        changed("answer = \"all\"", &format!("answer = {{ subset = {size} }}\n{more}"))
            .replace("count = 3\n", &format!("count = {count}\nweight = 2\n"))
    };
    assert_eq!(mistakes(&with(2, 60, "")), Vec::<String>::new());
    assert_eq!(mistakes(&with(9, 60, "select = \"rotate\"")), Vec::<String>::new());
    assert_eq!(mistakes(&with(9, 60, "").replace("weight = 2\n", "")), Vec::<String>::new());
    check(
        &with(3, 60, "select = \"weighted\""),
        &[
            "12:10: subsets of 3 of 61 addresses cannot follow weights: make the subset at most 2, or set select = \"rotate\"",
        ],
    );
    check(
        &with(3, 60, "slow_start = \"5s\"").replace("weight = 2\n", ""),
        &[
            "8:1: subsets of 3 of 61 addresses cannot follow weights: make the subset at most 2, or set select = \"rotate\"",
        ],
    );
}
