use super::*;
use crate::config;

const BASE: &str = r#"
    interfaces = ["eth0"]
    [dns]
    listen = ["10.0.0.1:53", "[::]:53"]
    [[view]]
    name = "lan"
    clients = ["192.168.0.0/16"]
    [[cluster]]
    name = "internet.intern.netz"
    probe.port = 443
    part = [{ first = "10.10.10.100", count = 3, alias = { lan = "192.168.1.100" } }]
"#;

/// Replaces pieces of the base, and shows what a reload would change.
fn check(edits: &[(&str, &str)], expected: &[&str]) {
    let (before, after) = models(edits);
    let shown: Vec<String> = differences(&before, &after).iter().map(ToString::to_string).collect();
    assert_eq!(shown, expected, "{edits:?}");
    assert_eq!(refusals(&before, &after), [""; 0], "{edits:?}");
}

fn models(edits: &[(&str, &str)]) -> (Model, Model) {
    let mut text = BASE.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    (config::parse(BASE, "F").unwrap(), config::parse(&text, "F").unwrap())
}

#[test]
fn what_differs_is_told_by_its_name() {
    check(&[], &[]);
    check(&[("count = 3", "count = 4")], &["server internet-4 added"]);
    check(&[("count = 3", "count = 2")], &["server internet-3 removed"]);
    check(
        &[("192.168.1.100", "192.168.1.101"), ("probe.port = 443", "probe.port = 80\nttl = 3")],
        &[
            "cluster internet.intern.netz changed: ttl, probe",
            "server internet-1 changed: alias",
            "server internet-2 changed: alias",
            "server internet-3 changed: alias",
        ],
    );
    check(
        &[("internet.intern.netz", "intranet.intern.netz"), ("[\"eth0\"]", "[\"eth1\", \"eth0\"]")],
        &[
            "interface eth1 added",
            "cluster intranet.intern.netz added",
            "cluster internet.intern.netz removed",
            "server intranet-1 added",
            "server intranet-2 added",
            "server intranet-3 added",
        ],
    );
    check(
        &[("192.168.0.0/16", "192.168.0.0/17"), ("[dns]", "[dns]\nidentity = \"lb1\"\ntcp_connections = 7")],
        &[
            "setting dns.identity changed",
            "setting dns.tcp_connections changed",
            "setting dns.tcp_connections_per_client changed",
            "view lan changed: clients",
        ],
    );
    check(&[("10.0.0.1:53", "10.0.0.2:53")], &["listen 10.0.0.2:53 added", "listen 10.0.0.1:53 removed"]);
}

/// Another view in front changes all identifiers, but no server.
#[test]
fn the_order_of_views_is_no_difference_of_servers() {
    let first = "[[view]]\nname = \"guests\"\nclients = [\"172.16.0.0/12\"]\n[[view]]\nname = \"lan\"";
    check(&[("[[view]]\n    name = \"lan\"", first)], &["view guests added"]);
}

#[test]
fn what_a_reload_cannot_change_is_refused_by_its_key() {
    let lines = |lines: &str| vec![("interfaces = [\"eth0\"]", format!("interfaces = [\"eth0\"]\n{lines}"))];
    for (edits, expected) in [
        (lines("control = \"/run/other\""), vec!["`control` cannot"]),
        (
            lines("state_dir = \"/a\"\npin_dir = \"/b\"\nxdp_mode = \"generic\""),
            vec!["`state_dir` cannot", "`pin_dir` cannot", "`xdp_mode` cannot"],
        ),
        (
            lines("writable = [\"/var/log/a\"]\nprobes_at_once = 7\ncommands_at_once = 3"),
            vec!["`writable` cannot", "`probes_at_once` cannot", "`commands_at_once` cannot"],
        ),
        (vec![("10.0.0.1:53", "0.0.0.0:53".to_owned())], vec!["dns.listen: 0.0.0.0:53 overlaps 10.0.0.1:53"]),
        (vec![("[::]:53", "[::1]:53".to_owned())], vec!["dns.listen: [::1]:53 overlaps [::]:53"]),
        (vec![("[::]:53", "0.0.0.0:54".to_owned())], vec![]),
    ] {
        let edits: Vec<(&str, &str)> = edits.iter().map(|(from, to)| (*from, to.as_str())).collect();
        let (before, after) = models(&edits);
        let found = refusals(&before, &after);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found:?}");
        }
    }
}

#[test]
fn people_get_a_line_for_each_difference() {
    let (before, after) = models(&[("count = 3", "count = 2")]);
    let mut changes = Changes { file: "/etc/tgdns/tgdns.toml".into(), changes: differences(&before, &after) };
    assert_eq!(render(&changes), "/etc/tgdns/tgdns.toml is loaded:\n  server internet-3 removed\n");
    changes.changes.clear();
    assert_eq!(render(&changes), "/etc/tgdns/tgdns.toml is loaded: nothing is different\n");
}
