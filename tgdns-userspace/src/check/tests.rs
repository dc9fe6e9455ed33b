#![expect(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::json;

use super::warnings;
use crate::{cluster::Model, config::parse};

fn render(model: &Model) -> String {
    super::render(model, &warnings(model))
}

fn to_json(model: &Model) -> serde_json::Value {
    super::to_json(model, &warnings(model))
}

const NAT: &str = r#"
    interfaces = ["eth0"]
    view = [{ name = "lan", clients = ["192.168.0.0/16", "fd00::/8"] }]
    [[cluster]]
    name = "internet.intern.netz"
    probe.port = 443
    [[cluster.part]]
    first = "10.10.10.99"
    count = 2
    alias = { lan = ["192.168.1.99", "fd00::99"] }
    [[cluster.server]]
    name = "tgpro-9"
    address = "fd00:10::9"
    alias = { lan = ["192.168.7.9", "fd00::7:9"], default = ["10.10.11.9"] }
"#;

#[test]
fn table() {
    let expected = r#"eth0, xdp native, listening on 0.0.0.0:53, [::]:53
stale 10s after the controller's last beat: the last answers are held
each /24 of IPv4 and /56 of IPv6 gets 200 answers/s over UDP, beyond that dropped, but one of 2 sent to TCP; never limited: private networks

  view     clients
  lan      192.168.0.0/16, fd00::/8
  default  all others

internet.intern.netz: ttl 1 s, answers with all live addresses
tcp probe of port 443 every 1s (100ms while changing), timeout 500ms, 2 up, 3 down
  server      probed            to default    to lan
  internet-1  10.10.10.99:443   10.10.10.99   192.168.1.99, fd00::99
  internet-2  10.10.10.100:443  10.10.10.100  192.168.1.100, fd00::9a
  tgpro-9     [fd00:10::9]:443  10.10.11.9    192.168.7.9, fd00::7:9
name servers: internet-1, internet-2

note: internet.intern.netz: a forwarder that validates DNSSEC needs an exception, which `tgdns forwarder-config SERVER` prints (BIND: validate-except { "internet.intern.netz"; }; Unbound: domain-insecure: "internet.intern.netz")
"#;
    assert_eq!(render(&parse(NAT, "F").unwrap()), expected);
}

/// What is skipped, counted backwards, hidden and said to clients in no view is seen.
#[test]
fn table_of_views() {
    let text = r#"
        interfaces = ["eth0"]
        default_view = "lan"
        view = [
            { name = "lan", clients = ["192.168.0.0/16"] },
            { name = "dmz", clients = ["172.16.0.0/24", "172.16.1.0/24", "172.16.2.0/24", "172.16.3.0/24", "fd00::/8"] },
        ]
        [[cluster]]
        name = "internet.intern.netz"
        probe.port = 443
        [[cluster.part]]
        first = "10.10.10.100"
        count = 4
        skip = ["10.10.10.101"]
        alias = { lan = { base = "192.168.1.100", step = -1 }, dmz = { each = ["172.16.0.7", "none", "172.16.0.9"] } }
        [[cluster.server]]
        name = "inner"
        address = "10.10.11.9"
        alias = { dmz = "none" }
    "#;
    let model = parse(text, "F").unwrap();
    let rendered = render(&model);
    let tables: Vec<&str> = rendered.split("\n\n").take(3).collect();
    let expected = r#"eth0, xdp native, listening on 0.0.0.0:53, [::]:53
stale 10s after the controller's last beat: the last answers are held
each /24 of IPv4 and /56 of IPv6 gets 200 answers/s over UDP, beyond that dropped, but one of 2 sent to TCP; never limited: private networks

  view  clients
  lan   192.168.0.0/16, and all others
  dmz   172.16.0.0/24, 172.16.1.0/24, 172.16.2.0/24 and 2 more

internet.intern.netz: ttl 1 s, answers with all live addresses
tcp probe of port 443 every 1s (100ms while changing), timeout 500ms, 2 up, 3 down
  server      probed            to lan         to dmz
  internet-1  10.10.10.100:443  192.168.1.100  172.16.0.7
  internet-3  10.10.10.102:443  192.168.1.98   –
  internet-4  10.10.10.103:443  192.168.1.97   172.16.0.9
  inner       10.10.11.9:443    10.10.11.9     –
name servers: internet-1, internet-3"#;
    assert_eq!(tables.join("\n\n"), expected);
    assert_eq!(warnings(&model), Vec::<String>::new());
    assert_eq!(to_json(&model).pointer("/default_view"), Some(&json!("lan")));
}

#[test]
fn warns_of_views() {
    let check = |default_view: &str, clients: &str, alias: &str, expected: &[&str]| {
        let text = format!(
            "interfaces = [\"eth0\"]\ndefault_view = \"{default_view}\"\nview = [{{ name = \"lan\", clients = [{clients}] }}]\n\
             [[cluster]]\nname = \"c.netz\"\nprobe.port = 443\npart = [{{ first = \"10.10.10.1\", count = 2, alias = {alias} }}]"
        );
        assert_eq!(warnings(&parse(&text, "F").unwrap()), expected, "{text}");
    };
    let (some, all) = ("\"10.0.0.0/8\"", "\"0.0.0.0/0\", \"::/0\"");
    for default in ["default", "nodata", "refused"] {
        check(default, some, "{ lan = \"192.168.1.1\" }", &[]);
    }
    check("lan", some, "{ lan = \"192.168.1.1\" }", &[]);
    let nobody =
        "c.netz: no server is handed out to view lan: its clients are told that there are no addresses";
    check("default", some, "{ lan = \"none\" }", &[nobody]);
    let nowhere = ["c-1", "c-2"].map(|server| {
        format!("c.netz: {server} is handed out in no view; give it an alias, or take it away")
    });
    check("refused", some, "{ lan = \"none\" }", &[&nowhere[0], &nowhere[1], nobody]);
    check(
        "nodata",
        all,
        "{ lan = \"192.168.1.1\" }",
        &["default_view: every client is in a view (0.0.0.0/0 and ::/0); take it away"],
    );
}

#[test]
fn table_without_views() {
    let text = r#"
        xdp_mode = "off"
        [dns]
        listen = ["127.0.0.1:5300"]
        [[cluster]]
        name = "internet.intern.netz"
        answer = { subset = 2 }
        probe.port = 443
        server = [{ name = "a", address = "10.10.10.1", weight = 10 }, { name = "b", address = "10.10.10.22" }]
    "#;
    let expected = "no interfaces, xdp off, listening on 127.0.0.1:5300\n\
        stale 10s after the controller's last beat: the last answers are held\n\
        each /24 of IPv4 and /56 of IPv6 gets 200 answers/s over UDP, beyond that dropped, but one of 2 sent to TCP; \
        never limited: private networks\n\
        \n\
        internet.intern.netz: ttl 1 s, answers with 2 addresses, chosen by weight\n\
        tcp probe of port 443 every 1s (100ms while changing), timeout 500ms, 2 up, 3 down\n  \
          server  probed           weight  share  handed out\n  \
          a       10.10.10.1:443   10      90.9%  10.10.10.1\n  \
          b       10.10.10.22:443  1       9.1%   10.10.10.22\n\
        name servers: a, b\n\
        \n\
        warning: internet.intern.netz: a subset of 2 is all of its 2 servers; answer = \"all\" says so\n";
    let rendered = render(&parse(text, "F").unwrap());
    assert_eq!(rendered.split("\nnote: ").next(), Some(expected));
}

#[test]
fn json_has_the_same() {
    let json = to_json(&parse(NAT, "F").unwrap());
    let mut server = json.pointer("/clusters/0/servers/2").unwrap().clone();
    let of_server = server.as_object_mut().unwrap().remove("probes").unwrap();
    assert_eq!(of_server.pointer("/0/target"), Some(&json!("[fd00:10::9]:443")));
    assert_eq!(of_server.pointer("/0/rise"), Some(&json!(2)));
    let expected = json!({
        "name": "tgpro-9",
        "address": "fd00:10::9",
        "probed": "[fd00:10::9]:443",
        "weight": 1,
        "tier": 1,
        "share": 1.0 / 3.0,
        "handed_out": [
            { "view": "default", "addresses": ["10.10.11.9"] },
            { "view": "lan", "addresses": ["192.168.7.9", "fd00::7:9"] },
        ],
    });
    assert_eq!(server, expected);
    assert_eq!(json.pointer("/views/0/clients/1"), Some(&json!("fd00::/8")));
    let probe = json!({
        "name": "tcp", "type": "tcp", "port": 443, "interval": "1s", "fast_interval": "100ms", "slow_interval": "1s",
        "timeout": "500ms", "rise": 2, "fall": 3, "jitter": 5
    });
    assert_eq!(json.pointer("/clusters/0/probe"), Some(&probe));
    assert_eq!(json.pointer("/clusters/0/probes"), Some(&json!([probe])));
    assert_eq!(json.pointer("/clusters/0/up_by"), Some(&json!("all")));
    assert_eq!(json.pointer("/clusters/0/answer"), Some(&json!("all")));
    assert_eq!(json.pointer("/xdp_mode"), Some(&json!("native")));
    assert_eq!(json.pointer("/listen"), Some(&json!(["0.0.0.0:53", "[::]:53"])));
    assert_eq!(json.pointer("/tcp_connections"), Some(&json!(1000)));
    assert_eq!(json.pointer("/tcp_connections_per_client"), Some(&json!(100)));
    assert_eq!(json.pointer("/tcp_idle_timeout"), Some(&json!("10s")));
    assert_eq!(json.pointer("/warnings"), Some(&json!([])));
}

#[test]
fn several_probes() {
    let text = r#"
        xdp_mode = "off"
        [[cluster]]
        name = "internet.intern.netz"
        probes = "any"
        probe = [{ port = 443 }, { name = "viewer", port = 5900, slow_interval = "30s" }]
        server = [{ name = "a", address = "10.9.9.1", probe = { name = "viewer", port = 5901 } }]
    "#;
    let rendered = render(&parse(text, "F").unwrap());
    let lines: Vec<&str> = rendered.lines().skip(5).take(5).collect();
    let expected = [
        "tcp: tcp probe of port 443 every 1s (100ms while changing), timeout 500ms, 2 up, 3 down",
        "viewer: tcp probe of port 5900 every 1s (100ms while changing, 30s while down), timeout 500ms, 2 up, 3 down",
        "a server is up by any of these",
        "  server  probed                       handed out",
        "  a       10.9.9.1:443, 10.9.9.1:5901  10.9.9.1",
    ];
    assert_eq!(lines, expected);
}

#[track_caller]
fn check_warnings(cluster: &str, expected: &[&str]) {
    let start = "interfaces = [\"eth0\"]\n[[cluster]]\nname = \"c.netz\"\nprobe.port = 443\n";
    assert_eq!(warnings(&parse(&format!("{start}{cluster}"), "F").unwrap()), expected, "{cluster}");
}

#[test]
fn warns() {
    let two = "part = [{ first = \"10.10.10.1\", count = 2 }]\n";
    check_warnings(two, &[]);
    check_warnings(&format!("{two}ttl = 5"), &[]);
    check_warnings(
        &format!("{two}ttl = 6"),
        &[
            "c.netz: ttl 6 s is long beside the 1s 700ms in which a dead server is noticed: shorten it, or probe less often",
        ],
    );
    check_warnings(&format!("{two}ttl = 60\nprobe.interval = \"30s\""), &[]);
    check_warnings(
        &format!("{two}ttl = 61\nprobe.interval = \"30s\""),
        &["c.netz: ttl 61 s keeps dead servers in caches for as long; 60 s or less is better, 1 s is usual"],
    );
    check_warnings(
        "part = [{ first = \"10.10.10.1\", count = 1 }]",
        &["c.netz: c-1 is its only server, nothing takes over when it fails"],
    );
    check_warnings(
        "part = [{ first = \"10.10.10.1\", count = 2, weight = 0 }]",
        &["c.netz: all weights are 0; give at least one server a weight"],
    );
    check_warnings(
        "part = [{ first = \"10.10.10.1\", count = 2 }]\nserver = [{ name = \"six\", address = \"fd00::6\" }]",
        &[
            "c.netz: IPv4 addresses are handed out, but none for six",
            "c.netz: IPv6 addresses are handed out, but none for c-1, c-2",
        ],
    );
    check_warnings(
        "part = [{ first = \"10.10.10.1\", count = 5 }]\nserver = [{ name = \"six\", address = \"fd00::6\" }]",
        &[
            "c.netz: IPv4 addresses are handed out, but none for six",
            "c.netz: IPv6 addresses are handed out, but none for c-1, c-2, c-3 and 2 more",
        ],
    );
    check_warnings(
        "part = [{ first = \"10.10.10.254\", count = 2 }]\nserver = [{ name = \"here\", address = \"127.0.0.1\" }]",
        &[
            "c.netz: 10.10.10.255, handed out for c-2, is the broadcast address in a /24",
            "c.netz: 127.0.0.1, handed out for here, is a loopback address: clients would reach themselves",
        ],
    );
    check_warnings(
        "part = [{ first = \"10.10.10.1\", count = 2, alias = \"127.0.0.1\" }]\n\
         server = [{ name = \"here\", address = \"10.10.10.9\", alias = \"169.254.1.1\" }]",
        &[
            "c.netz: 127.0.0.1, handed out for c-1, is a loopback address: clients would reach themselves",
            "c.netz: 127.0.0.2, handed out for c-2, is a loopback address: clients would reach themselves",
            "c.netz: 169.254.1.1, handed out for here, is link-local: clients beyond its link don't reach it",
        ],
    );
    check_warnings(
        &format!("{two}[[view]]\nname = \"lan\"\nclients = [\"10.0.0.0/8\"]"),
        &["view lan: its clients are told the same as all others; name it in an alias"],
    );
}

#[test]
fn probes_in_words() {
    for (written, words, json) in [
        (
            "type = \"http\"",
            "http probe of port 80, GET / of www.example.com, wanting status 200-299",
            json!({
                "type": "http", "port": 80, "method": "GET", "path": "/", "host": "www.example.com",
                "headers": {}, "status": "200-299", "body": null,
            }),
        ),
        (
            "type = \"https\"\nmethod = \"HEAD\"\npath = \"/a?b\"\nhost = \"x.example.com:8443\"\nport = 8443\n\
             headers = { X-Probe = \"1\" }\nstatus = [204, \"300-399\"]\nverify = false\nexpiry_warning = \"2days\"",
            "https probe of port 8443, HEAD /a?b of x.example.com:8443, wanting status 204, 300-399, any certificate, \
             asking for x.example.com",
            json!({
                "type": "https", "port": 8443, "method": "HEAD", "path": "/a?b", "host": "x.example.com:8443",
                "headers": { "x-probe": "1" }, "status": "204, 300-399", "body": null,
                "server_name": "x.example.com", "verify": false, "ca": null, "expiry_warning": "2days",
            }),
        ),
        (
            "type = \"http\"\nbody = { regex = \"^ok$\" }",
            "http probe of port 80, GET / of www.example.com, wanting status 200-299 and a body with /^ok$/",
            json!({ "body": { "regex": "^ok$" } }),
        ),
        (
            "type = \"tls\"\nport = 5061",
            "tls probe of port 5061, certificate for www.example.com by a CA that this host trusts",
            json!({
                "type": "tls", "port": 5061, "server_name": "www.example.com", "verify": true, "ca": null,
                "expiry_warning": "14days",
            }),
        ),
        ("type = \"icmp\"", "icmp probe", json!({ "type": "icmp" })),
        (
            "type = \"dns\"\nquery = \"Example.com\"",
            "dns probe of port 53, Example.com. SOA over udp, wanting NOERROR",
            json!({
                "type": "dns", "port": 53, "query": "Example.com.", "query_type": "SOA", "transport": "udp",
                "rcode": ["NOERROR"], "expect_address": null,
            }),
        ),
        (
            "type = \"dns\"\nquery = \".\"\nquery_type = \"a\"\ntransport = \"tcp\"\nrcode = [\"noerror\", \"NXDOMAIN\"]\n\
             expect_address = \"192.0.2.1\"",
            "dns probe of port 53, . A over tcp, wanting NOERROR, NXDOMAIN and 192.0.2.1",
            json!({ "query": ".", "query_type": "A", "transport": "tcp", "expect_address": "192.0.2.1" }),
        ),
    ] {
        let text = format!(
            "interfaces = [\"eth0\"]\n[[cluster]]\nname = \"www.example.com\"\n[cluster.probe]\n{written}\n\
             [[cluster.server]]\nname = \"a\"\naddress = \"10.10.10.1\"\n"
        );
        let model = parse(&text, "F").unwrap_or_else(|errors| panic!("{errors}"));
        let told = render(&model);
        let comma = if written == "type = \"icmp\"" { "" } else { "," };
        assert!(told.contains(&format!("\n{words}{comma} every 1s ")), "{words} is not in {told}");
        let told = &to_json(&model)["clusters"][0]["probe"];
        for (key, value) in json.as_object().unwrap() {
            assert_eq!(&told[key], value, "{key} of {written}: {told}");
        }
    }
}

#[test]
fn warns_of_probes() {
    let servers = "part = [{ first = \"10.10.10.1\", count = 2 }]";
    for (written, expected) in [
        ("probe = { port = 443 }", None),
        (
            "probes = \"any\"\nprobe = { port = 443 }",
            Some("c.netz: probes = \"any\" of a single one changes nothing; add another one"),
        ),
        (
            "probe = { port = 443, fall = 1 }",
            Some(
                "c.netz: probe tcp: with fall = 1 a single lost packet takes a server out; 2 or more is usual",
            ),
        ),
        (
            "probe = { port = 443, timeout = \"1s\" }",
            Some(
                "c.netz: probe tcp: timeout is as long as interval, so each probe of a silent server is followed by the next one without a pause; shorten the timeout",
            ),
        ),
        ("probe = { type = \"file\", file = \"/run/{server}\" }", None),
        (
            "probe = { type = \"file\", file = \"/run/state\" }",
            Some(
                "c.netz: probe file: all servers have the same file; write {server} or {address} into its path",
            ),
        ),
    ] {
        let text = format!("interfaces = [\"eth0\"]\n[[cluster]]\nname = \"c.netz\"\n{written}\n{servers}");
        let told = warnings(&parse(&text, "F").unwrap());
        assert_eq!(told.first().map(String::as_str), expected, "{written}");
        assert!(told.len() < 2, "{told:?}");
    }
    for (limits, expected) in [
        ("probes_at_once = 2", None),
        (
            "probes_at_once = 1",
            Some(
                "probes_at_once: while no server answers 2 want to be under way, and 1 may: raise it, or probes start late",
            ),
        ),
        ("commands_at_once = 1", None),
    ] {
        let text = format!(
            "{limits}\ninterfaces = [\"eth0\"]\n[[cluster]]\nname = \"c.netz\"\nprobe.port = 443\n{servers}"
        );
        assert_eq!(warnings(&parse(&text, "F").unwrap()).first().map(String::as_str), expected, "{limits}");
    }
}

#[test]
fn warns_where_a_policy_cannot_work_as_it_is_meant() {
    let two = "part = [{ first = \"10.10.10.1\", count = 2 }]\n";
    let uneven = "server = [{ name = \"c-2\", weight = 5 }]\n";
    check_warnings(
        &format!("{two}{uneven}"),
        &[
            "c.netz: with all addresses in every answer, weights only choose the first one, and caching forwarders put them in \
             an order of their own: set answer = \"one\" or a subset",
        ],
    );
    check_warnings(
        &format!("{two}slow_start = \"30s\""),
        &[
            "c.netz: with all addresses in every answer, slow_start only chooses the first one, and caching forwarders put them \
             in an order of their own: set answer = \"one\" or a subset",
        ],
    );
    check_warnings(&format!("{two}{uneven}answer = \"one\"\nslow_start = \"30s\""), &[]);
    check_warnings(
        &format!("{two}{uneven}select = \"rotate\""),
        &["c.netz: select = \"rotate\" ignores weights, but for 0: set \"weighted\", or take them away"],
    );
    let forwarder = "c.netz: select = \"sticky\" goes by who asks: behind a forwarder all clients have the forwarder's address, \
                     and so one server; let clients ask the load balancers themselves, or set select = \"weighted\"";
    check_warnings(&format!("{two}select = \"sticky\""), &[forwarder]);
    check_warnings(
        &format!("{two}select = {{ sticky = {{ ipv4 = 0 }} }}"),
        &[
            "c.netz: a sticky prefix of 0 bits sends all clients of that family to one server: lengthen it",
            forwarder,
        ],
    );
    for (weight, told) in [
        (
            999,
            &[
                "c.netz: select = \"sticky\" shares clients out in 1024 buckets, which give a 0.3% and not 0.1%: use fewer servers, \
             weights that differ less, or other names of servers",
            ][..],
        ),
        (9, &[]),
    ] {
        let servers = format!(
            "server = [{{ name = \"a\", address = \"10.0.0.1\" }}, {{ name = \"b\", address = \"10.0.0.2\", weight = {weight} }}]"
        );
        check_warnings(&format!("{servers}\nselect = \"sticky\""), &[&[forwarder], told].concat());
    }
    check_warnings(
        &format!("{two}spill_below = 2"),
        &["c.netz: `spill_below` means nothing where all servers are of one tier"],
    );
    check_warnings(
        &format!("{two}min_up = \"75%\""),
        &["c.netz: with min_up = 2 one dead server is enough that `all_down` decides"],
    );
    for error in ["servfail", "refused"] {
        check_warnings(
            &format!("{two}all_down = \"{error}\""),
            &[
                "c.netz: all_down: resolvers may remember an error for up to 5 minutes (RFC 9520), which is how long the name \
                 is silent after a server has come back",
            ],
        );
    }
}

#[test]
fn policies_are_described() {
    for (policy, answer, exceptions) in [
        ("", "answers with all live addresses\n", "tcp probe"),
        (
            "answer = \"one\"\nserver = [{ name = \"c-1\", weight = 3 }]",
            "answers with one address, chosen by weight\n",
            "tcp",
        ),
        (
            "select = { sticky = { ipv4 = 24 } }",
            "answers with all live addresses, chosen by the client's first 24 bits, 128 of IPv6\n",
            "tcp probe",
        ),
        (
            "server = [{ name = \"c-3\", tier = 2 }]\nslow_start = \"30s\"",
            "answers with all live addresses\n",
            "the next tier serves where none of those before is live; weights rise for 30s after a recovery\n",
        ),
        (
            "server = [{ name = \"c-3\", tier = 2 }]\nspill_below = 2",
            "answers with all live addresses\n",
            "the next tier serves, too, where fewer than 2 of those before are live\n",
        ),
        ("all_down = \"last\"", "answers", "without a live server the last live ones are handed out\n"),
        ("min_up = \"50%\"", "answers", "with fewer than 2 live servers all are handed out\n"),
        (
            "all_down = [\"192.0.2.1\", \"2001:db8::1\"]",
            "answers",
            "without a live server 192.0.2.1, 2001:db8::1 are handed out\n",
        ),
    ] {
        let text = format!(
            "interfaces = [\"eth0\"]\n[[cluster]]\nname = \"c.netz\"\nprobe.port = 443\n\
             part = [{{ first = \"10.10.10.1\", count = 3 }}]\n{policy}"
        );
        let model = parse(&text, "F").unwrap();
        let text = render(&model);
        assert!(text.contains(answer) && text.contains(exceptions), "{policy}: {text}");
    }
}

/// Where the TTL follows health an answer outlives a change by no more than `ttl_min`.
#[test]
fn ttls_beside_the_probes() {
    let two = "part = [{ first = \"10.10.10.1\", count = 2 }]\n";
    let slow = "probe.interval = \"30s\"\n";
    check_warnings(&format!("{two}{slow}ttl = 60\nttl_min = 5"), &[]);
    check_warnings(&format!("{two}{slow}ttl = 600\nttl_min = 1"), &[]);
    // With the default probes there is nothing to follow.
    for (least, most) in [(1, 60), (3, 4)] {
        let constant = format!(
            "c.netz: the TTL is always `ttl_min` ({least} s), as the next possible change is never further than 0.6 s away: write ttl = {least} without \
             `ttl_min`, or probe less often"
        );
        check_warnings(&format!("{two}ttl = {most}\nttl_min = {least}"), &[&constant]);
    }
    let long = "c.netz: ttl_min 6 s is long beside the 1s 700ms in which a dead server is noticed: shorten it, or probe less often";
    let constant = "c.netz: the TTL is always `ttl_min` (6 s), as the next possible change is never further than 0.6 s away: write ttl = 6 without \
                    `ttl_min`, or probe less often";
    check_warnings(&format!("{two}ttl = 60\nttl_min = 6"), &[long, constant]);
    check_warnings(
        &format!("{two}probe.interval = \"200s\"\nttl = 600\nttl_min = 61"),
        &[
            "c.netz: ttl_min 61 s keeps dead servers in caches for as long; 60 s or less is better, 1 s is usual",
        ],
    );
    // What counts is how the servers are probed, not what the cluster says where all say otherwise.
    check_warnings(
        "part = [{ first = \"10.10.10.1\", count = 2, probe = { interval = \"30s\" } }]\nttl = 60",
        &[],
    );
    let quick = "c.netz: ttl 60 s is long beside the 1s 700ms in which a dead server is noticed: shorten it, or probe less often";
    check_warnings(
        &format!(
            "{slow}part = [{{ first = \"10.10.10.1\", count = 2, probe = {{ interval = \"1s\" }} }}]\nttl = 60"
        ),
        &[quick],
    );
    // The quickest of several probes is enough where all have to succeed, else the slowest has to notice, too.
    let several = "interfaces = [\"eth0\"]\n[[cluster]]\nname = \"c.netz\"\nttl = 60\n\
                   part = [{ first = \"10.10.10.1\", count = 2 }]\n\
                   probe = [{ port = 443 }, { name = \"slow\", port = 80, interval = \"30s\" }]\n";
    for (join, expected) in [("all", &[quick.to_owned()][..]), ("any", &[])] {
        let model = parse(&format!("{several}probes = \"{join}\""), "F").unwrap();
        assert_eq!(warnings(&model), expected, "{join}");
    }
}

/// Agents may report weights, which not every policy can follow.
#[test]
fn weights_that_agents_report() {
    let agent = "probe.type = \"agent\"\npart = [{ first = \"10.10.10.1\", count = 3 }]\n";
    for (policy, expected) in [
        ("answer = \"one\"", None),
        ("answer = { subset = 2 }", None),
        (
            "",
            Some(
                "with all addresses in every answer, weights that agents report only choose the first one, and caching \
                 forwarders put them in an order of their own: set answer = \"one\" or a subset, or let agents report states alone",
            ),
        ),
        (
            "answer = \"one\"\nselect = \"rotate\"",
            Some(
                "select = \"rotate\" ignores weights that agents report, but for 0: set \"weighted\", or let agents report \
                 states alone",
            ),
        ),
    ] {
        let expected: Vec<String> = expected.iter().map(|text| format!("c.netz: {text}")).collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check_warnings(&format!("{agent}{policy}"), &expected);
    }
}

/// So many servers of the first and of the second tier.
#[test]
fn tiers_that_cannot_work() {
    let tiers = |first: &str, second: &str| {
        format!(
            "part = [{{ first = \"10.10.10.1\", {first} }}, {{ name = \"d\", first = \"10.10.20.1\", tier = 2, {second} }}]\n"
        )
    };
    for (servers, policy, expected) in [
        (tiers("count = 2", "count = 2"), "", None),
        (tiers("count = 2", "count = 2"), "spill_below = 2", None),
        (
            tiers("count = 2", "count = 2"),
            "spill_below = 3",
            Some(
                "`spill_below` (3) is more than the 2 servers of tier 1, so that tier 2 always serves as well: lower it",
            ),
        ),
        (
            tiers("count = 2", "count = 2"),
            "spill_below = 9",
            Some("`spill_below` (9) is more than its 4 servers, so that all tiers always serve: lower it"),
        ),
        (
            tiers("count = 2, weight = 0", "count = 2"),
            "",
            Some("all servers of tier 1 have the weight 0, so that it never serves: give them a weight"),
        ),
        (
            tiers("count = 2", "count = 2"),
            "answer = { subset = 3 }",
            Some(
                "a subset of 3 is more than the 2 servers of tier 1: set spill_below = 3, or lower the subset",
            ),
        ),
        (tiers("count = 2", "count = 2"), "answer = { subset = 2 }", None),
    ] {
        let expected: Vec<String> = expected.iter().map(|text| format!("c.netz: {text}")).collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check_warnings(&format!("{servers}{policy}"), &expected);
    }
}
