//! What valid files come to.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    time::Duration,
};

use super::super::load;
use super::*;
use crate::cluster::{
    AllDown, Answer, Call, DefaultView, Hook, Join, Model, Occasion, Policy, Probe, ProbeKind, ProbeLimits,
    RateLimit, Select, Tcp, TcpLimits, Trust, WhenStale, XdpMode,
};

/// The smallest file, and every default.
#[test]
fn defaults() {
    let text = r#"
        interfaces = ["eth0"]
        [[cluster]]
        name = "Internet.Intern.Netz."
        probe.port = 443
        server = [{ name = "tgpro-1", address = "10.10.10.100" }]
    "#;
    let Model {
        interfaces,
        xdp_mode,
        state_directory,
        control,
        control_group,
        pin_directory,
        writable,
        listen,
        tcp,
        rate_limit,
        probes,
        identity,
        version,
        cookie_secret,
        stale_after,
        when_stale,
        views,
        default_view,
        hooks,
        clusters,
    } = parse(text, "F").unwrap();
    assert_eq!((identity.as_str(), version.as_str(), cookie_secret), ("", "", None));
    assert_eq!(interfaces, ["eth0"]);
    assert_eq!(xdp_mode, XdpMode::Native);
    assert_eq!((stale_after, when_stale), (Duration::from_secs(10), WhenStale::Hold));
    assert_eq!(state_directory, PathBuf::from("/var/lib/tgdns"));
    assert_eq!(control, PathBuf::from("/run/tgdns/control.sock"));
    assert_eq!((control_group, writable), (None, vec![]));
    assert_eq!(pin_directory, PathBuf::from("/sys/fs/bpf/tgdns"));
    assert_eq!(listen, [(Ipv4Addr::UNSPECIFIED, 53).into(), (Ipv6Addr::UNSPECIFIED, 53).into()]);
    let expected =
        TcpLimits { connections: 1000, connections_per_client: 100, idle_timeout: Duration::from_secs(10) };
    assert_eq!((tcp, rate_limit), (expected, Some(RateLimit::default())));
    assert_eq!(probes, ProbeLimits { at_once: 2048, commands_at_once: 64 });
    assert_eq!((views, default_view, hooks), (vec![], DefaultView::Own, vec![]));
    let [cluster] = clusters.try_into().unwrap();
    assert_eq!(
        (cluster.name.as_str(), cluster.ttl, cluster.answer),
        ("internet.intern.netz", 1, Answer::All)
    );
    let expected = Probe {
        name: "tcp".to_owned(),
        kind: ProbeKind::Tcp(Tcp::default()),
        port: 443,
        address: None,
        source: None,
        interval: Duration::from_secs(1),
        fast_interval: Duration::from_millis(100),
        slow_interval: Duration::from_secs(1),
        timeout: Duration::from_millis(500),
        rise: 2,
        fall: 3,
        jitter: 5,
    };
    assert_eq!((cluster.probes.as_slice(), cluster.join), (&[expected.clone()][..], Join::All));
    assert_eq!(cluster.servers.first().unwrap().probes, [expected]);
    let server = cluster.servers.first().unwrap();
    assert_eq!((server.weight, server.tier), (1, 1));
    assert_eq!(cluster.policy, Policy::default());
}

#[test]
fn policies() {
    let policy = |lines: &str| {
        let model = parse(&changed("ttl = 1\n", &format!("{lines}\n")), "F").unwrap();
        model.clusters.into_iter().next().unwrap().policy
    };
    let default = Policy::default;
    let sticky = |ipv4, ipv6| Policy { select: Select::Sticky { ipv4, ipv6 }, ..default() };
    for (lines, expected) in [
        ("select = \"rotate\"", Policy { select: Select::Rotate, ..default() }),
        ("select = \"weighted\"", default()),
        ("select = \"sticky\"", sticky(32, 128)),
        ("select = { sticky = { ipv4 = 24, ipv6 = 56 } }", sticky(24, 56)),
        ("select = { sticky = { ipv6 = 64 } }", sticky(32, 64)),
        ("spill_below = 2", Policy { spill_below: 2, ..default() }),
        ("slow_start = \"30s\"", Policy { slow_start: Some(Duration::from_secs(30)), ..default() }),
        ("min_up = 2", Policy { min_up: 2, ..default() }),
        // Rounded up: of four servers.
        ("min_up = \"51%\"", Policy { min_up: 3, ..default() }),
        ("min_up = \"1%\"", default()),
        ("all_down = \"all\"", default()),
        ("all_down = \"last\"", Policy { all_down: AllDown::Last, ..default() }),
        ("all_down = \"servfail\"", Policy { all_down: AllDown::Servfail, ..default() }),
        ("all_down = \"refused\"", Policy { all_down: AllDown::Refused, ..default() }),
        ("all_down = \"nodata\"", Policy { all_down: AllDown::NoData, ..default() }),
        (
            "all_down = [\"192.0.2.1\", \"2001:db8::1\"]",
            Policy {
                all_down: AllDown::Addresses(vec![
                    "192.0.2.1".parse().unwrap(),
                    "2001:db8::1".parse().unwrap(),
                ]),
                ..default()
            },
        ),
    ] {
        assert_eq!(policy(lines), expected, "{lines}");
    }
    let model = parse(&changed("count = 3\n", "count = 3\ntier = 2\n"), "F").unwrap();
    let tiers: Vec<u8> = model.clusters[0].servers.iter().map(|server| server.tier).collect();
    assert_eq!(tiers, [2, 2, 2, 1]);
}

/// Defaults give way to an interval that is shorter.
#[test]
fn short_intervals() {
    let model = parse(&changed("interval = \"1s\"", "interval = \"50ms\""), "F").unwrap();
    let probe = model.clusters.first().unwrap().probes.first().unwrap();
    let short = Duration::from_millis(50);
    assert_eq!(
        (probe.interval, probe.fast_interval, probe.slow_interval, probe.timeout),
        (short, short, short, short)
    );
}

#[test]
fn tcp_limits() {
    for (written, connections, connections_per_client, idle_timeout) in [
        ("tcp_connections = 5000\ntcp_connections_per_client = 2\ntcp_idle_timeout = \"1m\"", 5000, 2, 60),
        ("tcp_connections_per_client = 1000", 1000, 1000, 10),
        // The default gives way to a total that is lower.
        ("tcp_connections = 7", 7, 7, 10),
    ] {
        let model = parse(&changed("[dns]\n", &format!("[dns]\n{written}\n")), "F").unwrap();
        let idle_timeout = Duration::from_secs(idle_timeout);
        assert_eq!(model.tcp, TcpLimits { connections, connections_per_client, idle_timeout }, "{written}");
    }
}

#[test]
fn no_interfaces_without_xdp() {
    let text = GOOD.replace("interfaces = [\"eth0\"]\n", "").replace("native", "off");
    assert_eq!(parse(&text, "F").unwrap().interfaces, Vec::<String>::new());
}

#[test]
fn answers() {
    for (written, expected) in
        [("\"all\"", Answer::All), ("\"one\"", Answer::One), ("{ subset = 2 }", Answer::Subset(2))]
    {
        let text = changed("answer = \"all\"", &format!("answer = {written}"));
        assert_eq!(parse(&text, "F").unwrap().clusters.first().unwrap().answer, expected);
    }
}

/// The servers of a cluster as `name address -> handed out by view`.
#[track_caller]
fn check_servers(cluster: &str, expected: &[&str]) {
    let start = "interfaces = [\"eth0\"]\n\
                 view = [{ name = \"lan\", clients = [\"192.168.0.0/16\"] }, { name = \"six\", clients = [\"fd00::/8\"] }]\n\
                 [[cluster]]\nname = \"internet.intern.netz\"\nprobe.port = 443\n";
    let model = parse(&format!("{start}{cluster}"), "F").unwrap_or_else(|errors| panic!("{errors}"));
    let mut servers = Vec::new();
    for server in &model.clusters.first().unwrap().servers {
        let told = model.view_identifiers().map(|view| {
            let addresses: Vec<String> = server.handed_out(view).iter().map(ToString::to_string).collect();
            addresses.join(" ")
        });
        let told: Vec<String> = told.collect();
        servers.push(format!("{} {} {} -> {}", server.name, server.address, server.weight, told.join(" | ")));
    }
    assert_eq!(servers, expected, "{cluster}");
}

/// The name servers as `name address -> handed out by view`.
#[track_caller]
fn check_name_servers(written: &str, expected: &[&str]) {
    let text = format!(
        "interfaces = [\"eth0\"]\nview = [{{ name = \"lan\", clients = [\"192.168.0.0/16\"] }}]\n\
         [[cluster]]\nname = \"internet.intern.netz\"\nprobe.port = 443\n\
         part = [{{ first = \"10.10.10.100\", count = 3, alias = {{ lan = \"192.168.1.100\" }} }}]\n{written}"
    );
    let model = parse(&text, "F").unwrap_or_else(|errors| panic!("{errors}"));
    let mut found = Vec::new();
    for server in &model.clusters.first().unwrap().name_servers {
        let told =
            |view| server.handed_out(view).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        found.push(format!("{} {} -> {} | {}", server.name, server.address, told(0), told(1)));
    }
    assert_eq!(found, expected, "{written}");
}

#[test]
fn name_servers() {
    let first = "internet-1 10.10.10.100 -> 10.10.10.100 | 192.168.1.100";
    let second = "internet-2 10.10.10.101 -> 10.10.10.101 | 192.168.1.101";
    let third = "internet-3 10.10.10.102 -> 10.10.10.102 | 192.168.1.102";
    // The first two servers are load balancers unless the file tells.
    check_name_servers("", &[first, second]);
    check_name_servers("nameservers = [\"internet-3\", \"Internet-1\"]", &[third, first]);
    let beside = "[[cluster.nameserver]]\nname = \"lb1\"\naddress = \"10.10.10.10\"\n\
                  alias = { lan = \"192.168.1.10\" }";
    check_name_servers(beside, &["lb1 10.10.10.10 -> 10.10.10.10 | 192.168.1.10"]);
    check_name_servers(
        &format!("nameservers = [\"internet-2\"]\n{beside}"),
        &[second, "lb1 10.10.10.10 -> 10.10.10.10 | 192.168.1.10"],
    );
}

#[test]
fn what_the_sockets_tell() {
    let text = changed(
        "listen = [\"0.0.0.0:53\"]",
        "listen = [\"0.0.0.0:53\"]\nidentity = \"lb 1\"\nversion = \"v\"\ncookie_secret = \"/etc/s\"",
    );
    let model = parse(&text, "F").unwrap();
    assert_eq!((model.identity.as_str(), model.version.as_str()), ("lb 1", "v"));
    assert_eq!(model.cookie_secret, Some("/etc/s".into()));
}

#[test]
fn parts_and_single_servers() {
    check_servers(
        "part = [{ first = \"10.10.10.100\", count = 2 }]",
        &[
            "internet-1 10.10.10.100 1 -> 10.10.10.100 | 10.10.10.100 | 10.10.10.100",
            "internet-2 10.10.10.101 1 -> 10.10.10.101 | 10.10.10.101 | 10.10.10.101",
        ],
    );
    // Parts without a name continue each other's numbers, past named ones; single servers come last.
    check_servers(
        "server = [{ name = \"Single\", address = \"10.9.9.9\", alias = \"192.168.9.9\", weight = 7 }]
         part = [
            { first = \"10.10.10.100\", count = 2, weight = 5 },
            { name = \"cellar\", first = \"10.10.30.1\", count = 1 },
            { first = \"10.10.20.100\", count = 1 },
         ]",
        &[
            "internet-1 10.10.10.100 5 -> 10.10.10.100 | 10.10.10.100 | 10.10.10.100",
            "internet-2 10.10.10.101 5 -> 10.10.10.101 | 10.10.10.101 | 10.10.10.101",
            "cellar-1 10.10.30.1 1 -> 10.10.30.1 | 10.10.30.1 | 10.10.30.1",
            "internet-3 10.10.20.100 1 -> 10.10.20.100 | 10.10.20.100 | 10.10.20.100",
            "single 10.9.9.9 7 -> 192.168.9.9 | 192.168.9.9 | 192.168.9.9",
        ],
    );
}

#[test]
fn aliases() {
    // One alias for all views.
    check_servers(
        "part = [{ first = \"10.10.10.100\", count = 2, alias = \"192.168.1.100\" }]",
        &[
            "internet-1 10.10.10.100 1 -> 192.168.1.100 | 192.168.1.100 | 192.168.1.100",
            "internet-2 10.10.10.101 1 -> 192.168.1.101 | 192.168.1.101 | 192.168.1.101",
        ],
    );
    // By view: views that are not named are told the own address, or what `default` says.
    check_servers(
        "part = [{ first = \"10.10.10.100\", count = 1, alias = { six = \"fd00::100\" } }]",
        &["internet-1 10.10.10.100 1 -> 10.10.10.100 | 10.10.10.100 | fd00::100"],
    );
    check_servers(
        "part = [{ first = \"10.10.10.100\", count = 2, alias = { lan = [\"192.168.1.9\", \"fd00::9\"], default = \"172.16.0.9\" } }]",
        &[
            "internet-1 10.10.10.100 1 -> 172.16.0.9 | 192.168.1.9 fd00::9 | 172.16.0.9",
            "internet-2 10.10.10.101 1 -> 172.16.0.10 | 192.168.1.10 fd00::a | 172.16.0.10",
        ],
    );
    // One address for two servers is no clash where no client sees both.
    check_servers(
        "server = [
            { name = \"a\", address = \"10.10.10.1\", alias = { lan = \"192.168.1.1\", six = \"192.168.1.2\" } },
            { name = \"b\", address = \"10.10.10.2\", alias = { lan = \"192.168.1.2\", six = \"192.168.1.1\" } },
         ]",
        &[
            "a 10.10.10.1 1 -> 10.10.10.1 | 192.168.1.1 | 192.168.1.2",
            "b 10.10.10.2 1 -> 10.10.10.2 | 192.168.1.2 | 192.168.1.1",
        ],
    );
}

/// NAT that counts backwards or in steps, holes in the row of servers and in that of aliases.
#[test]
fn counting() {
    check_servers(
        "part = [{ first = \"10.10.10.100\", count = 3, alias = { base = \"192.168.1.100\", step = -1 } }]",
        &[
            "internet-1 10.10.10.100 1 -> 192.168.1.100 | 192.168.1.100 | 192.168.1.100",
            "internet-2 10.10.10.101 1 -> 192.168.1.99 | 192.168.1.99 | 192.168.1.99",
            "internet-3 10.10.10.102 1 -> 192.168.1.98 | 192.168.1.98 | 192.168.1.98",
        ],
    );
    // A skipped server keeps its number and its alias, a skipped alias does not.
    check_servers(
        "part = [{ first = \"10.10.10.100\", count = 4, skip = [\"10.10.10.101\"],
            alias = { lan = { base = \"192.168.1.100\", skip = [\"192.168.1.102\", \"192.168.1.103\"] }, six = \"fd00::1\" } }]",
        &[
            "internet-1 10.10.10.100 1 -> 10.10.10.100 | 192.168.1.100 | fd00::1",
            "internet-3 10.10.10.102 1 -> 10.10.10.102 | 192.168.1.104 | fd00::3",
            "internet-4 10.10.10.103 1 -> 10.10.10.103 | 192.168.1.105 | fd00::4",
        ],
    );
    // Both families at once, each in its own way; own addresses in steps, past a broadcast address of no network.
    check_servers(
        "part = [{ first = \"10.10.10.102\", count = 2, step = -2,
            alias = [{ base = \"192.168.1.250/22\", step = 8, skip = [\"192.168.2.2\"] }, { base = \"fd00::f0\", step = 16 }] }]",
        &[
            "internet-1 10.10.10.102 1 -> 192.168.1.250 fd00::f0 | 192.168.1.250 fd00::f0 | 192.168.1.250 fd00::f0",
            "internet-2 10.10.10.100 1 -> 192.168.2.10 fd00::100 | 192.168.2.10 fd00::100 | 192.168.2.10 fd00::100",
        ],
    );
    // Interleaved parts share no address.
    check_servers(
        "part = [{ first = \"10.10.10.1\", count = 2, step = 2 }, { first = \"10.10.10.2\", count = 2, step = 2 }]",
        &[
            "internet-1 10.10.10.1 1 -> 10.10.10.1 | 10.10.10.1 | 10.10.10.1",
            "internet-2 10.10.10.3 1 -> 10.10.10.3 | 10.10.10.3 | 10.10.10.3",
            "internet-3 10.10.10.2 1 -> 10.10.10.2 | 10.10.10.2 | 10.10.10.2",
            "internet-4 10.10.10.4 1 -> 10.10.10.4 | 10.10.10.4 | 10.10.10.4",
        ],
    );
}

/// Aliases that follow no row, and servers that some clients are not told of.
#[test]
fn listed_and_hidden() {
    check_servers(
        "part = [{ first = \"10.10.10.100\", count = 4, skip = [\"10.10.10.101\"],
            alias = { lan = [{ each = [\"192.168.1.7\", \"none\", \"192.168.1.3\"] }, \"fd00::1\"],
                      six = { each = [\"fd00::9\", \"none\", \"fd00::5\"] } } }]",
        &[
            "internet-1 10.10.10.100 1 -> 10.10.10.100 | 192.168.1.7 fd00::1 | fd00::9",
            "internet-3 10.10.10.102 1 -> 10.10.10.102 | fd00::3 | ",
            "internet-4 10.10.10.103 1 -> 10.10.10.103 | 192.168.1.3 fd00::4 | fd00::5",
        ],
    );
    check_servers(
        "server = [
            { name = \"inner\", address = \"10.10.10.1\", alias = { default = \"none\", lan = \"own\" } },
            { name = \"outer\", address = \"10.10.10.2\", alias = { lan = \"none\" } },
            { name = \"own\", address = \"10.10.10.3\", alias = { default = \"192.168.1.3\", six = \"own\" } },
         ]",
        &[
            "inner 10.10.10.1 1 ->  | 10.10.10.1 | ",
            "outer 10.10.10.2 1 -> 10.10.10.2 |  | 10.10.10.2",
            "own 10.10.10.3 1 -> 192.168.1.3 | 192.168.1.3 | 10.10.10.3",
        ],
    );
    // An override brings a hidden server back.
    check_servers(
        "part = [{ first = \"10.10.10.100\", count = 2, alias = { lan = \"none\" } }]
         server = [{ name = \"internet-2\", alias = { lan = \"192.168.1.2\" } }]",
        &[
            "internet-1 10.10.10.100 1 -> 10.10.10.100 |  | 10.10.10.100",
            "internet-2 10.10.10.101 1 -> 10.10.10.101 | 192.168.1.2 | 10.10.10.101",
        ],
    );
}

#[test]
fn hooks() {
    let text = changed(
        "[dns]\n",
        "[[hook]]\ncommand = [\"/bin/a\", \"b\"]\n[[hook]]\ncommand = [\"/bin/c\"]\non = [\"down\", \"maint\"]\ntimeout = \"1s\"\n[dns]\n",
    );
    let hook = |command: &[&str], on: &[Occasion], seconds| Hook {
        call: Call::Command(command.iter().map(|word| (*word).to_owned()).collect()),
        on: on.to_vec(),
        timeout: Duration::from_secs(seconds),
    };
    let expected = [
        hook(&["/bin/a", "b"], &Occasion::ALL, 10),
        hook(&["/bin/c"], &[Occasion::Down, Occasion::Maint], 1),
    ];
    assert_eq!(parse(&text, "F").unwrap().hooks, expected);
}

/// The host that is asked, whether it is by TLS, and what a log tells of it.
#[test]
fn webhooks() {
    for (url, host, is_encrypted, told) in [
        ("http://192.0.2.1/a?b=c", "192.0.2.1", false, "http://192.0.2.1"),
        ("https://192.0.2.1:8443", "192.0.2.1", true, "https://192.0.2.1:8443"),
        ("HTTPS://[2001:DB8::1]:8443/a", "2001:db8::1", true, "https://[2001:DB8::1]:8443"),
        ("https://hooks.example.com/secret", "hooks.example.com", true, "https://hooks.example.com"),
    ] {
        let text = changed("[dns]\n", &format!("[[hook]]\nurl = {url:?}\n[dns]\n"));
        let hooks = parse(&text, "F").unwrap().hooks;
        assert_eq!(hooks[0].call.to_string(), told);
        let Call::Webhook(webhook) = &hooks[0].call else { panic!("{hooks:?}") };
        assert_eq!(webhook.host.to_str(), host);
        let tls = webhook.tls.as_ref().map(|tls| (&tls.server_name, &tls.trust));
        assert_eq!(tls, is_encrypted.then_some((&webhook.host, &Trust::System)), "{url}");
    }
}

#[test]
fn default_views() {
    let part = "alias = \"192.168.1.100\"\n";
    for (written, expected, identifiers, told) in [
        ("default", DefaultView::Own, 0..=1, ["192.168.1.100", "192.168.1.100"]),
        ("LAN", DefaultView::View(1), 1..=1, ["192.168.1.100", "192.168.1.100"]),
        ("nodata", DefaultView::NoData, 0..=1, ["", "192.168.1.100"]),
        ("refused", DefaultView::Refused, 1..=1, ["192.168.1.100", "192.168.1.100"]),
    ] {
        let text = changed("[dns]\n", &format!("default_view = \"{written}\"\n[dns]\n"));
        assert!(text.contains(part));
        let model = parse(&text, "F").unwrap();
        assert_eq!((model.default_view, model.view_identifiers()), (expected, identifiers));
        let server = &model.clusters.first().unwrap().servers[0];
        let addresses = |view| server.handed_out(view).iter().map(ToString::to_string).collect::<String>();
        assert_eq!([addresses(0), addresses(1)], told, "{written}");
    }
}

#[test]
fn overrides() {
    check_servers(
        "part = [{ first = \"10.10.10.100\", count = 3, alias = \"192.168.1.100\" }]
         server = [
            { name = \"INTERNET-2\", address = \"10.10.99.2\" },
            { name = \"internet-3\", alias = { lan = \"192.168.99.3\" }, weight = 0 },
         ]",
        &[
            "internet-1 10.10.10.100 1 -> 192.168.1.100 | 192.168.1.100 | 192.168.1.100",
            "internet-2 10.10.99.2 1 -> 192.168.1.101 | 192.168.1.101 | 192.168.1.101",
            "internet-3 10.10.10.102 0 -> 192.168.1.102 | 192.168.99.3 | 192.168.1.102",
        ],
    );
}

/// Two names for the same machines: two services, probed at two ports.
#[test]
fn clusters_may_share_servers() {
    let text = format!(
        "{GOOD}[[cluster]]\nname = \"mail.intern.netz\"\nprobe.port = 25\n\
         [[cluster.part]]\nfirst = \"10.10.10.100\"\ncount = 3\nalias = \"192.168.1.100\"\n"
    );
    let model = parse(&text, "F").unwrap();
    assert_eq!(model.clusters.get(1).unwrap().servers.first().unwrap().name, "mail-1");
}

/// Bounds that are still allowed.
#[test]
fn largest() {
    let model = parse(&changed("count = 3", "count = 63"), "F").unwrap();
    assert_eq!(model.clusters.first().unwrap().servers.len(), 64);
    let longest = format!("{}.netz", "a".repeat(57));
    let model = parse(&changed("internet.intern.netz", &longest), "F").unwrap();
    assert_eq!(model.clusters.first().unwrap().name, longest);
}

#[test]
fn files() {
    let directory = std::env::temp_dir().join(format!("tgdns-config-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    let read = |bytes: &[u8]| {
        let path = directory.join("tgdns.toml");
        std::fs::write(&path, bytes).unwrap();
        load(&path).map_err(|errors| errors.to_string().replace(&path.display().to_string(), "F"))
    };
    let good = read(GOOD.as_bytes());
    let windows = read(GOOD.replace('\n', "\r\n").as_bytes());
    let not_text = read(b"interfaces = [\"eth0\"]\n# b\xfcro\n");
    let two = read(changed("ttl = 1", "tll = 1").replace("count = 3", "count = 0").as_bytes());
    let missing = load(&directory.join("missing.toml")).unwrap_err();
    std::fs::remove_dir_all(&directory).unwrap();

    assert_eq!(good, Ok(parse(GOOD, "F").unwrap()));
    assert_eq!(windows, good);
    assert_eq!(not_text, Err("F:2:4: this byte is not UTF-8 text; save the file as UTF-8".to_owned()));
    let two_lines = "F:10:1: `tll` is no known key: did you mean `ttl`?\n\
                     F:18:9: `count` must be a whole number from 1 to 64, not 0";
    assert_eq!(two, Err(two_lines.to_owned()));
    assert_eq!(missing.errors.len(), 1);
    assert!(missing.to_string().ends_with(
        "missing.toml: cannot be read: No such file or directory (os error 2); name the file with --config"
    ));
}

/// Whatever is done to a file, reading it ends, and where it is refused every mistake has a place in it.
#[test]
fn mutants() {
    let words: Vec<&str> = GOOD.split_inclusive([' ', '\n', '"', '[', ']', '.']).collect();
    let mut random = fastrand::Rng::with_seed(0x7467_646e_7321);
    let mut refused = 0;
    for _ in 0..2000 {
        let mut mutant = words.clone();
        for _ in 0..random.usize(1..=3) {
            let (from, to) = (random.usize(..mutant.len()), random.usize(..mutant.len()));
            match random.u8(..3) {
                0 => drop(mutant.remove(from)),
                1 => mutant.swap(from, to),
                _ => mutant.insert(to, words[random.usize(..words.len())]),
            }
        }
        let mutant = mutant.concat();
        let Err(errors) = parse(&mutant, "F") else { continue };
        assert!(!errors.errors.is_empty(), "{mutant}");
        for error in &errors.errors {
            let line =
                mutant.split('\n').nth(error.line - 1).unwrap_or_else(|| panic!("{error:?} in\n{mutant}"));
            assert!((1..=line.chars().count() + 1).contains(&error.column), "{error:?} in\n{mutant}");
            assert!(!error.message.is_empty() && !error.message.contains('\n'), "{error:?} in\n{mutant}");
        }
        refused += 1;
    }
    assert!(refused > 1000, "{refused}");
}

/// Every file of `examples/` loads, and says what its scene says.
#[test]
fn examples() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let model = load(&path).unwrap_or_else(|errors| panic!("{errors}"));
        let cluster = model.clusters.first().unwrap();
        let last = cluster.servers.last().unwrap();
        let last_view = *model.view_identifiers().end();
        let told =
            last.handed_out(last_view).first().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        seen.push(format!("{name}: {} servers, {} is told as {told}", cluster.servers.len(), last.address));
    }
    seen.sort();
    let expected = [
        "alias-counting.toml: 8 servers, 10.10.11.9 is told as 192.168.7.9",
        "cluster-behind-nat.toml: 3 servers, 10.10.10.102 is told as 192.168.1.102",
        "cluster.toml: 3 servers, 10.10.10.102 is told as 10.10.10.102",
        "single.toml: 1 servers, 10.10.10.100 is told as 10.10.10.100",
        "views.toml: 6 servers, 10.10.10.9 is told as nothing",
    ];
    assert_eq!(seen, expected);
}
