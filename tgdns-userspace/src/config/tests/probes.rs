//! Probes: several of them, and what parts and servers say differently.

use super::*;

/// What stands in place of the good file's probe, part and server; then the probes of each server.
#[track_caller]
fn check_probes(written: &str, expected: &[&str]) {
    let text = format!("interfaces = [\"eth0\"]\n[[cluster]]\nname = \"internet.intern.netz\"\n{written}");
    let model = parse(&text, "F").unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let mut told = Vec::new();
    for server in &model.clusters[0].servers {
        let probe = |probe: &crate::cluster::Probe| {
            let time = |time| humantime::format_duration(time).to_string();
            let times = [probe.interval, probe.fast_interval, probe.slow_interval, probe.timeout].map(time);
            let source = probe.source.map_or(String::new(), |source| format!(" from {source}"));
            format!(
                "{} {} {}{source} {} {}/{} ±{}",
                probe.name,
                probe.kind.as_str(),
                server.probed(probe),
                times.join(" "),
                probe.rise,
                probe.fall,
                probe.jitter,
            )
        };
        let probes: Vec<String> = server.probes.iter().map(probe).collect();
        told.push(format!("{}: {}", server.name, probes.join("; ")));
    }
    assert_eq!(told, expected, "{text}");
}

#[test]
fn several() {
    check_probes(
        "probes = \"any\"\n\
         probe = [{ port = 443 }, { name = \"Viewer\", port = 5900, slow_interval = \"1m\", jitter = 0, source = \"10.9.9.9\" }]\n\
         part = [{ first = \"10.10.10.100\", count = 2 }]",
        &[
            "internet-1: tcp tcp 10.10.10.100:443 1s 100ms 1s 500ms 2/3 ±5; viewer tcp 10.10.10.100:5900 from 10.9.9.9 1s 100ms 1m 500ms 2/3 ±0",
            "internet-2: tcp tcp 10.10.10.101:443 1s 100ms 1s 500ms 2/3 ±5; viewer tcp 10.10.10.101:5900 from 10.9.9.9 1s 100ms 1m 500ms 2/3 ±0",
        ],
    );
    check_probes(
        "[[cluster.probe]]\nport = 443\n[[cluster.probe]]\nname = \"b\"\nport = 444\n[[cluster.server]]\nname = \"a\"\naddress = \"10.9.9.9\"",
        &["a: tcp tcp 10.9.9.9:443 1s 100ms 1s 500ms 2/3 ±5; b tcp 10.9.9.9:444 1s 100ms 1s 500ms 2/3 ±5"],
    );
}

#[test]
fn parts_and_servers_say_differently() {
    // The part's address is counted; a server's own word comes last; the rest stays the cluster's.
    check_probes(
        "[cluster.probe]\nport = 443\ninterval = \"2s\"\n\
         [[cluster.part]]\nfirst = \"10.10.10.100\"\ncount = 3\nprobe = { address = \"10.20.0.1\", port = 8443, rise = 5 }\n\
         [[cluster.part]]\nname = \"cellar\"\nfirst = \"10.10.30.1\"\ncount = 1\n\
         [[cluster.server]]\nname = \"internet-2\"\nprobe = { port = 9443, interval = \"50ms\" }\n\
         [[cluster.server]]\nname = \"internet-3\"\nprobe.address = \"10.20.9.9\"\n\
         [[cluster.server]]\nname = \"single\"\naddress = \"10.9.9.9\"\nprobe = { fall = 1 }",
        &[
            "internet-1: tcp tcp 10.20.0.1:8443 2s 100ms 2s 500ms 5/3 ±5",
            "internet-2: tcp tcp 10.20.0.2:9443 50ms 50ms 50ms 50ms 5/3 ±5",
            "internet-3: tcp tcp 10.20.9.9:8443 2s 100ms 2s 500ms 5/3 ±5",
            "cellar-1: tcp tcp 10.10.30.1:443 2s 100ms 2s 500ms 2/3 ±5",
            "single: tcp tcp 10.9.9.9:443 2s 100ms 2s 500ms 2/1 ±5",
        ],
    );
    // By the probe's name where there are several.
    check_probes(
        "probe = [{ port = 443 }, { name = \"viewer\", port = 5900 }]\n\
         part = [{ first = \"10.10.10.100\", count = 1, probe = [{ name = \"viewer\", port = 5901 }, { name = \"tcp\", fall = 1 }] }]",
        &[
            "internet-1: tcp tcp 10.10.10.100:443 1s 100ms 1s 500ms 2/1 ±5; viewer tcp 10.10.10.100:5901 1s 100ms 1s 500ms 2/3 ±5",
        ],
    );
}

/// As the part's own addresses are: in its steps, backwards too, and past its holes, where no probe goes to.
#[test]
fn a_part_s_probed_addresses_are_counted() {
    for (part, expected) in [
        (
            r#"first = "10.10.10.1", count = 4, step = 2, skip = ["10.10.10.5"], probe.address = "10.20.0.1""#,
            &["internet-1: 10.20.0.1", "internet-2: 10.20.0.3", "internet-4: 10.20.0.7"][..],
        ),
        (
            r#"first = "10.10.10.9", count = 3, step = -1, probe.address = "10.20.0.3""#,
            &["internet-1: 10.20.0.3", "internet-2: 10.20.0.2", "internet-3: 10.20.0.1"],
        ),
        // The broadcast address would be at the hole.
        (
            r#"first = "10.10.10.1", count = 3, skip = ["10.10.10.3"], probe.address = "10.20.0.253/24""#,
            &["internet-1: 10.20.0.253", "internet-2: 10.20.0.254"],
        ),
        (
            r#"first = "fd00::1", count = 2, step = 16, probe.address = "fd01::1""#,
            &["internet-1: fd01::1", "internet-2: fd01::11"],
        ),
    ] {
        let text = format!(
            "interfaces = [\"eth0\"]\n[[cluster]]\nname = \"internet.intern.netz\"\nprobe.port = 443\npart = [{{ {part} }}]"
        );
        let model = parse(&text, "F").unwrap_or_else(|errors| panic!("{errors}"));
        let servers = &model.clusters[0].servers;
        let probed = servers.iter().map(|of| format!("{}: {}", of.name, of.probed(&of.probes[0]).ip()));
        assert_eq!(probed.collect::<Vec<_>>(), expected, "{part}");
    }
    check_mistakes(
        "probe.port = 443\npart = [{ first = \"10.10.10.1\", count = 2, step = 2, probe.address = \"10.20.0.254\" }]",
        &[
            r#"5:70: `address`: counting 2 addresses from 10.20.0.254 by 2 reaches 10.20.1.0, outside of 10.20.0.0/24; start lower, count fewer, or write the network's own prefix, such as "10.20.0.254/23""#,
        ],
    );
}

#[track_caller]
fn check_mistakes(written: &str, expected: &[&str]) {
    let text = format!("interfaces = [\"eth0\"]\n[[cluster]]\nname = \"internet.intern.netz\"\n{written}");
    check(&text, expected);
}

const PART: &str = "part = [{ first = \"10.10.10.100\", count = 2 }]";

#[test]
fn mistakes_of_several() {
    for (written, expected) in [
        (
            r#"probe = ["tcp", 443]"#,
            &[
                r#"5:10: each of `probe` must be a table, not "tcp""#,
                "5:17: each of `probe` must be a table, not 443",
            ][..],
        ),
        (
            "probe = []",
            &[r#"5:9: `probe` is empty: add [cluster.probe] with type = "tcp" and the port of the service"#],
        ),
        (
            "probe = [{ port = 443 }, { port = 444 }]",
            &[r#"5:26: probe "tcp" is there already (line 5): give this one another `name`"#],
        ),
        (
            "probe = [{ port = 443 }, { name = \"TCP\", port = 444 }]",
            &[r#"5:35: probe "tcp" is there already (line 5): give this one another `name`"#],
        ),
        ("probe.port = 443\nprobes = \"one\"", &[r#"6:10: `probes` must be "all" or "any", not "one""#]),
        (
            "probe = [{ port = 443 }, { name = \"b\" }]",
            &["5:26: `port` is missing: give the TCP port of the service, such as 443"],
        ),
        (
            "probe = { port = 443, interval = \"2s\", slow_interval = \"1s\" }",
            &["5:56: `slow_interval` (1s) is shorter than `interval` (2s): lengthen it, or take it away"],
        ),
        (
            "probe = { port = 443, jitter = 51 }",
            &["5:32: `jitter` must be a whole number from 0 to 50, not 51"],
        ),
    ] {
        check_mistakes(&format!("{PART}\n{written}"), expected);
    }
}

#[test]
fn mistakes_of_what_is_said_differently() {
    for (probe, written, expected) in [
        (
            "{ port = 443 }",
            r#"{ port = "x" }"#,
            &[r#"6:16: `port` must be a whole number from 1 to 65535, not "x""#][..],
        ),
        ("{ port = 443 }", "{ prot = 1 }", &["6:9: `prot` is no known key: did you mean `port`?"]),
        ("{ port = 443 }", "5", &["6:7: `probe` must be a table, or a list of tables, not 5"]),
        // Told once, though every server of the part has it.
        (
            "{ port = 443 }",
            "{ timeout = \"2s\" }",
            &["6:19: `timeout` (2s) is longer than `interval` (1s): shorten it, or lengthen `interval`"],
        ),
        (
            "{ port = 443, timeout = \"2s\" }",
            "{ port = 444 }",
            &["4:33: `timeout` (2s) is longer than `interval` (1s): shorten it, or lengthen `interval`"],
        ),
        (
            "{ port = 443, timeout = \"2s\", interval = \"3s\" }",
            "{ interval = \"x\" }",
            &[
                r#"6:20: `interval` must be a duration in quotes from "10ms" to "1h", such as "500ms", not "x""#,
            ],
        ),
        (
            "{ port = 443 }",
            "{ type = \"tcp\" }",
            &["6:16: `type` is the cluster's to say: take it away, or add another probe to the cluster"],
        ),
        (
            "{ port = 443 }",
            "{ address = \"10.20.0.255\" }",
            &[
                r#"6:19: `address`: counting 2 addresses from 10.20.0.255 reaches 10.20.1.0, outside of 10.20.0.0/24; start lower, count fewer, or write the network's own prefix, such as "10.20.0.255/23""#,
            ],
        ),
        ("{ port = 443 }", "{ name = \"ssh\" }", &[r#"6:16: the cluster has no probe "ssh": it has tcp"#]),
        (
            "[{ port = 443 }, { name = \"viewer\", port = 1 }]",
            "{ name = \"vewer\" }",
            &[r#"6:16: the cluster has no probe "vewer": did you mean "viewer"?"#],
        ),
        (
            "[{ port = 443 }, { name = \"viewer\", port = 1 }]",
            "{ port = 4 }",
            &[
                "6:7: there are several probes to override: give the `name` of one of the cluster's: tcp, viewer",
            ],
        ),
        (
            "{ port = 443 }",
            "[{ fall = 4 }, { rise = 4 }]",
            &[r#"6:22: probe "tcp" is overridden twice: write one table of both"#],
        ),
    ] {
        check_mistakes(
            &format!(
                "probe = {probe}\n[[cluster.part]]\nprobe={written}\nfirst = \"10.10.10.100\"\ncount = 2"
            ),
            expected,
        );
    }
    check_mistakes(
        &format!("probe = {{ port = 443, address = \"10.9.9.9\" }}\n{PART}"),
        &[
            "4:33: `address` of all servers at once would be one machine: write it in the parts' or servers' own `probe`",
        ],
    );
    check_mistakes(
        &format!("probe = {{ port = 443, source = \"fd00::1\" }}\n{PART}"),
        &[
            "4:32: `source` is an IPv6 address, and there are servers that are probed at an IPv4 address: write the source of those in the parts' or servers' own `probe`",
        ],
    );
}

/// The kinds as `check` tells them.
#[test]
fn kinds() {
    for (written, expected) in [
        ("port = 5900, expect = \"RFB 003.\"", "tcp probe of port 5900, wanting \"RFB 003.\" first, every"),
        (
            "port = 22, expect = { contains = 'OpenSSH\\r\\n' }",
            r#"tcp probe of port 22, wanting "OpenSSH\\r\\n", every"#,
        ),
        (
            "port = 22, send = 'a\\x00\\xff\\\\', expect = { regex = '^SSH-[12]' }",
            r#"tcp probe of port 22, sending "a\\x00\\xff\\\\", wanting /^SSH-[12]/, every"#,
        ),
        ("type = \"exec\", command = [\"/bin/check\", \"-q\"]", "exec probe, /bin/check -q, every"),
        ("type = \"exec\", port = 7, command = [\"/bin/check\"]", "exec probe of port 7, /bin/check, every"),
        ("type = \"file\", file = \"/run/tgdns/{server}\"", "file probe, /run/tgdns/{server}, every"),
        ("type = \"agent\", port = 9000", "agent probe of port 9000 every"),
        (
            "type = \"agent\", port = 9000, send = \"load\\n\"",
            r#"agent probe of port 9000, sending "load\n", every"#,
        ),
    ] {
        let text = format!(
            "interfaces = [\"eth0\"]\n[[cluster]]\nname = \"c.netz\"\nprobe = {{ {written} }}\n{PART}"
        );
        let model = parse(&text, "F").unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        let told = crate::check::render(&model, &[]);
        assert!(told.contains(&expected.replace("\\\\", "\\")), "{expected} in\n{told}");
    }
}

#[test]
fn mistakes_of_kinds() {
    for (written, expected) in [
        (
            "type = \"tpc\"",
            r#"4:18: `type` must be "tcp", "http", "https", "tls", "icmp", "dns", "exec", "file" or "agent", not "tpc""#,
        ),
        (
            "type = \"exec\"",
            "4:9: `command` is missing: give the program's absolute path and its arguments, in a list",
        ),
        (
            "type = \"exec\", command = \"/bin/true\"",
            "4:36: `command` must be a list of texts: a program's absolute path and its arguments, without a shell, not \"/bin/true\"",
        ),
        (
            "type = \"exec\", command = [\"true\"]",
            "4:36: `command`: begin with the program's absolute path, such as [\"/usr/local/lib/tgdns/check\", \"--quick\"]",
        ),
        (
            "type = \"exec\", command = []",
            "4:36: `command`: begin with the program's absolute path, such as [\"/usr/local/lib/tgdns/check\", \"--quick\"]",
        ),
        (
            "type = \"file\"",
            "4:9: `file` is missing: give the path of the state file, such as \"/run/tgdns/{server}\"",
        ),
        (
            "type = \"file\", file = \"state\"",
            "4:33: `file` must be an absolute path in quotes, such as \"/var/lib/tgdns\", not \"state\"",
        ),
        (
            "type = \"file\", file = \"/f\", port = 7",
            "4:46: a probe of type \"file\" has no `port`: take it away, or set type = \"tcp\", \"http\", \"https\", \"tls\", \"dns\", \"exec\" or \"agent\"",
        ),
        ("type = \"agent\"", "4:9: `port` is missing: give the TCP port of the agent"),
        (
            "type = \"agent\", port = 1, expect = \"up\"",
            "4:46: a probe of type \"agent\" has no `expect`: take it away, or set type = \"tcp\"",
        ),
        (
            "port = 1, send = ''",
            "4:28: `send` must be a text of 1 to 1024 bytes in quotes, such as 'PING\\r\\n', not \"\"",
        ),
        (
            "port = 1, send = '\\q'",
            r#"4:28: `send`: "\\q" has a backslash that means nothing: write one of \r, \n, \t, \0, \\ and \x00 to \xff"#,
        ),
        (
            "port = 1, send = '\\xf'",
            r#"4:28: `send`: "\\xf" has a backslash that means nothing: write one of \r, \n, \t, \0, \\ and \x00 to \xff"#,
        ),
        (
            "port = 1, expect = 5",
            "4:30: `expect` must be a text in quotes, { contains = \"…\" } or { regex = \"…\" }, not 5",
        ),
        ("port = 1, expect = {}", "4:30: `expect`: write one of { contains = \"…\" } and { regex = \"…\" }"),
        (
            "port = 1, expect = { regex = '(' }",
            "4:30: `expect`: \"(\" is no regular expression: unclosed group",
        ),
    ] {
        check_mistakes(&format!("probe = {{ {written} }}\n{PART}"), &[expected]);
    }
}

#[test]
fn limits() {
    let text = changed("interfaces", "probes_at_once = 500\ncommands_at_once = 3\ninterfaces");
    let limits = parse(&text, "F").unwrap().probes;
    assert_eq!((limits.at_once, limits.commands_at_once), (500, 3));
    check(
        &changed("interfaces", "probes_at_once = 0\ncommands_at_once = 1025\ninterfaces"),
        &[
            "1:18: `probes_at_once` must be a whole number from 1 to 65536, not 0",
            "2:20: `commands_at_once` must be a whole number from 1 to 1024, not 1025",
        ],
    );
}
