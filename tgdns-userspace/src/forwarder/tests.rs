use super::*;
use crate::config;

const CONFIG: &str = r#"
interfaces = ["eth0"]

[[view]]
name = "lan"
clients = ["192.168.0.0/16"]

[[cluster]]
name = "internet.intern.netz"
probe = { type = "tcp", port = 443 }
[[cluster.part]]
first = "10.10.10.100"
count = 3
alias = { lan = "192.168.1.100" }

[[cluster]]
name = "mail.test"
ttl = 30
probe = { type = "tcp", port = 25 }
[[cluster.server]]
name = "only"
address = "2001:db8::26"
[[cluster.nameserver]]
name = "beside"
address = "2001:db8::25"
"#;

fn rendered(server: DnsServer, style: Style) -> String {
    let model = config::parse(CONFIG, "test.toml").expect("the configuration is right");
    let zones = zones(&model, None).expect("there are zones");
    to_text(&render(server, style, &zones).expect("the style is known"))
}

/// Of text with comments and blank lines taken out.
fn check(server: DnsServer, style: Style, comment: &str, expected: &[&str]) {
    let text = rendered(server, style);
    let lines: Vec<_> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(comment)).collect();
    assert_eq!(lines, expected, "{server:?} {style:?}:\n{text}");
}

#[test]
fn bind() {
    let exceptions = ["validate-except {", "\"internet.intern.netz\";", "\"mail.test\";", "};"];
    for (style, internet, mail) in [
        (
            Style::Forward,
            &["type forward;", "forward only;", "forwarders { 10.10.10.100; 10.10.10.101; };"][..],
            &["type forward;", "forward only;", "forwarders { 2001:db8::25; };"][..],
        ),
        (
            Style::Stub,
            &["type stub;", "primaries { 10.10.10.100; 10.10.10.101; };", "forwarders { };"],
            &["type stub;", "primaries { 2001:db8::25; };", "forwarders { };"],
        ),
        (
            Style::StaticStub,
            &["type static-stub;", "server-addresses { 10.10.10.100; 10.10.10.101; };", "forwarders { };"],
            &["type static-stub;", "server-addresses { 2001:db8::25; };", "forwarders { };"],
        ),
    ] {
        let zones =
            [&["zone \"internet.intern.netz\" {"], internet, &["};", "zone \"mail.test\" {"], mail, &["};"]];
        check(DnsServer::Bind, style, "//", &[&exceptions[..], &zones.concat()].concat());
    }
}

#[test]
fn unbound() {
    for (style, clause, server) in
        [(Style::Forward, "forward-zone:", "forward-addr"), (Style::Stub, "stub-zone:", "stub-addr")]
    {
        let [first, second, third] =
            ["10.10.10.100", "10.10.10.101", "2001:db8::25"].map(|address| format!("{server}: {address}"));
        let expected = [
            "server:",
            "domain-insecure: \"internet.intern.netz\"",
            "private-domain: \"internet.intern.netz\"",
            "domain-insecure: \"mail.test\"",
            "private-domain: \"mail.test\"",
            "local-zone: \"mail.test\" transparent",
            clause,
            "name: \"internet.intern.netz\"",
            &first,
            &second,
            clause,
            "name: \"mail.test\"",
            &third,
        ];
        check(DnsServer::Unbound, style, "#", &expected);
    }
}

#[test]
fn dnsmasq() {
    let expected = [
        "server=/internet.intern.netz/10.10.10.100",
        "server=/internet.intern.netz/10.10.10.101",
        "rebind-domain-ok=/internet.intern.netz/",
        "server=/mail.test/2001:db8::25",
        "rebind-domain-ok=/mail.test/",
    ];
    check(DnsServer::Dnsmasq, Style::Forward, "#", &expected);
}

#[test]
fn knot_resolver() {
    for (style, action) in [(Style::Forward, "FORWARD"), (Style::Stub, "STUB")] {
        let policy = |servers: &str, zone: &str| {
            format!("policy.add(policy.suffix(policy.{action}({{ {servers} }}), {{ todname('{zone}') }}))")
        };
        let expected = [
            "trust_anchors.set_insecure({",
            "'internet.intern.netz',",
            "'mail.test',",
            "})",
            "cache.min_ttl(1)",
            &policy("'10.10.10.100', '10.10.10.101'", "internet.intern.netz"),
            &policy("'2001:db8::25'", "mail.test"),
        ];
        check(DnsServer::KnotResolver, style, "--", &expected);
    }
}

#[test]
fn knot_resolver_raises_no_ttl_where_none_is_short() {
    let zone = Zone { name: "a.test".to_owned(), ttl: 5, servers: vec![IpAddr::from([192, 0, 2, 1])] };
    let files = render(DnsServer::KnotResolver, Style::Forward, &[zone]).expect("the style is known");
    assert!(!to_text(&files).contains("min_ttl"));
}

#[test]
fn pdns_recursor() {
    let text = rendered(DnsServer::PdnsRecursor, Style::Forward);
    for expected in [
        "\nforward-zones=internet.intern.netz=10.10.10.100;10.10.10.101, mail.test=2001:db8::25\n",
        "\naddNTA('internet.intern.netz', 'tgdns does not sign')\naddNTA('mail.test', 'tgdns does not sign')\n",
        "\nrecursor:\n  forward_zones:\n    - zone: 'internet.intern.netz'\n      \
         forwarders: ['10.10.10.100', '10.10.10.101']\n    - zone: 'mail.test'\n",
        "\ndnssec:\n  negative_trustanchors:\n    - name: 'internet.intern.netz'\n",
    ] {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn systemd_resolved() {
    let text = rendered(DnsServer::SystemdResolved, Style::Forward);
    for expected in [
        "\n[Resolve]\nDNS=10.10.10.100 10.10.10.101 2001:db8::25\nDomains=~internet.intern.netz ~mail.test\n",
        "\ninternet.intern.netz\nmail.test\n",
        "\nhome.arpa\n10.in-addr.arpa\n",
    ] {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn windows() {
    for (style, expected) in [
        (
            Style::Forward,
            "\nAdd-DnsServerConditionalForwarderZone -Name \"internet.intern.netz\" \
             -MasterServers 10.10.10.100,10.10.10.101 -ForwarderTimeout 2\n",
        ),
        (
            Style::Stub,
            "\nAdd-DnsServerStubZone -Name \"internet.intern.netz\" -MasterServers 10.10.10.100,10.10.10.101 \
             -ZoneFile \"internet.intern.netz.dns\"\n",
        ),
    ] {
        let text = rendered(DnsServer::Windows, style);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_view_reaches_the_load_balancers_by_their_aliases() {
    let model = config::parse(CONFIG, "test.toml").expect("the configuration is right");
    for (view, expected) in [
        (None, &["10.10.10.100", "10.10.10.101"][..]),
        (Some("default"), &["10.10.10.100", "10.10.10.101"]),
        (Some("lan"), &["192.168.1.100", "192.168.1.101"]),
    ] {
        let zones = zones(&model, view).expect("the view is there");
        let servers: Vec<_> = zones[0].servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, expected, "{view:?}");
    }
    let error = zones(&model, Some("wan")).expect_err("there is none").to_string();
    assert_eq!(error, "there is no view wan; there is default, lan");
}

#[test]
fn a_file_tells_where_it_belongs() {
    let model = config::parse(CONFIG, "test.toml").expect("the configuration is right");
    let zones = zones(&model, None).expect("there are zones");
    for server in DnsServer::ALL {
        for style in server.styles() {
            for file in render(server, *style, &zones).expect("the style is known") {
                let comment: String =
                    file.text.lines().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
                assert!(comment.contains(file.path), "{server:?}: {comment}");
                if let Some(Include { into, line }) = file.include {
                    assert!(comment.contains(into) && comment.contains(line), "{server:?}: {comment}");
                }
            }
        }
    }
}

#[test]
fn an_unknown_style_names_the_known_ones() {
    let error = DnsServer::Unbound.style(Some(Style::StaticStub)).expect_err("it knows none").to_string();
    assert_eq!(error, "unbound has no style static-stub; it knows forward, stub");
    assert_eq!(DnsServer::Dnsmasq.style(None).expect("it has a default"), Style::Forward);
}
