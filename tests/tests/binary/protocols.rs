//! Probes of each kind against real servers: nginx, BIND, a kernel that answers echo requests, a firewall, and nobody.

mod certificates;
mod servers;

use std::{fmt::Write as _, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::lab::wait;

use self::servers::{FILTERED, SERVER, SILENT, Servers};
use crate::host::{Host, INTERFACE, LIVE, Setup};

const SETTLING: Duration = Duration::from_secs(20);

/// A cluster of one server, and what its status must come to say.
struct Case {
    name: &'static str,
    address: &'static str,
    probe: &'static str,
    /// Up where empty, else the start of the cause of being down.
    cause: &'static str,
    /// The start of the only warning; none where empty.
    warning: &'static str,
}

/// `CA` stands for the path of the authority's certificate.
const CASES: [Case; 22] = [
    up("http", SERVER, "type = 'http'\npath = '/health'\nbody = 'all well'"),
    up("http-head", SERVER, "type = 'http'\npath = '/health'\nmethod = 'HEAD'"),
    up("http-other-host", SERVER, "type = 'http'\nhost = 'other.example.com'\nstatus = 403"),
    down("http-missing", SERVER, "type = 'http'\npath = '/missing'", "status 404, wanted 200-299"),
    down(
        "http-body",
        SERVER,
        "type = 'http'\npath = '/health'\nbody = { regex = '^ill$' }",
        "status 200, but the body lacks /^ill$/",
    ),
    down("http-to-tls", SERVER, "type = 'http'\nport = 8441", "status 400, wanted 200-299"),
    up("https", SERVER, "type = 'https'\nport = 8441\nca = 'CA'"),
    down(
        "https-expired",
        SERVER,
        "type = 'https'\nport = 8442\nca = 'CA'",
        "certificate has expired 2 days ago",
    ),
    down(
        "https-name",
        SERVER,
        "type = 'https'\nport = 8443\nca = 'CA'",
        "certificate is for a.example.com, not for https-name.test",
    ),
    down(
        "https-stranger",
        SERVER,
        "type = 'https'\nport = 8444\nca = 'CA'",
        "certificate is of an unknown CA",
    ),
    // Of two certificates on one port it is shown the one for the name that it asks for in the handshake.
    up("https-sni", SERVER, "type = 'https'\nport = 8446\nca = 'CA'"),
    warned("https-soon", SERVER, "type = 'https'\nport = 8445\nca = 'CA'", "certificate expires on "),
    warned(
        "tls-unverified",
        SERVER,
        "type = 'tls'\nport = 8442\nverify = false",
        "certificate has expired on ",
    ),
    // The kernel accepts, and nobody ever reads.
    down(
        "tls-half-open",
        LIVE[0],
        "type = 'tls'\nport = 443\nca = 'CA'",
        "timed out after 1s during the TLS handshake",
    ),
    up("icmp", LIVE[0], "type = 'icmp'"),
    up("icmp-ipv6", "fd00:10::10", "type = 'icmp'"),
    down("icmp-silent", SILENT, "type = 'icmp'", "timed out after 1s while waiting for an echo reply"),
    down("icmp-filtered", FILTERED, "type = 'icmp'", "administratively prohibited, says 10.10.10.11"),
    up("dns", SERVER, "type = 'dns'\nquery = 'example.test'"),
    up(
        "dns-tcp",
        SERVER,
        "type = 'dns'\nquery = 'www.example.test'\nquery_type = 'A'\ntransport = 'tcp'\nexpect_address = '192.0.2.1'",
    ),
    down("dns-refused", SERVER, "type = 'dns'\nquery = 'example.com'", "rcode REFUSED, wanted NOERROR"),
    // Its kernel says so, after a while on the wire.
    down("dns-closed", LIVE[0], "type = 'dns'\nquery = 'example.test'", "connection refused"),
];

#[test]
fn real_servers_are_told_from_each_other() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    let mut servers = Servers::start(&host.run, &host.far)?;
    let ca = servers.authority.display().to_string();
    let mut clusters = String::new();
    for Case { name, address, probe, .. } in &CASES {
        let probe = probe.replace("'CA'", &format!("'{ca}'"));
        write!(
            clusters,
            "[[cluster]]\nname = \"{name}.test\"\n[cluster.probe]\n{probe}\ntimeout = \"1s\"\n\
             [[cluster.server]]\nname = \"{name}-1\"\naddress = \"{address}\"\n"
        )?;
    }
    host.configure(&Setup { clusters: &clusters, ..Setup::default() })?;
    // A neighbour that is known and says nothing.
    host.namespace.run(
        "ip",
        &["neighbour", "add", SILENT, "lladdr", "02:00:00:00:00:63", "dev", INTERFACE, "nud", "permanent"],
    )?;
    host.launch()?;
    for case in &CASES {
        wait::until(case.name, SETTLING, || {
            host.check()?;
            Ok(case.check(&host))
        })?;
    }
    let log = host.log();
    let warned = log.lines().filter(|line| line.contains("certificate expires on ")).count();
    ensure!(warned == 1, "told {warned} times of a certificate that expires soon:\n{log}");

    servers.nginx.kill()?;
    wait::until("the end of nginx", SETTLING, || Ok(CASES[0].check_cause(&host, "connection refused")))?;
    Ok(())
}

impl Case {
    fn check(&self, host: &Host) -> Result<()> {
        self.check_cause(host, self.cause)?;
        let server = self.server(host)?;
        let warnings: Vec<&str> =
            server["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let as_expected = match (self.warning, warnings.as_slice()) {
            ("", []) => true,
            ("", _) => false,
            (start, [warning]) => warning.starts_with(start),
            _ => false,
        };
        ensure!(as_expected, "{server}");
        Ok(())
    }

    fn check_cause(&self, host: &Host, expected: &str) -> Result<()> {
        let server = self.server(host)?;
        let health = if expected.is_empty() { "up" } else { "down" };
        let cause = server["cause"].as_str().unwrap_or_default();
        ensure!(server["health"] == health && (health == "up" || cause.starts_with(expected)), "{server}");
        Ok(())
    }

    fn server(&self, host: &Host) -> Result<Value> {
        let output = host.tgdns(&["status", "--json"])?;
        ensure!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), host.log());
        let status: Value = serde_json::from_slice(&output.stdout)?;
        let clusters = status["clusters"].as_array().context("no clusters")?;
        let cluster = clusters.iter().find(|cluster| cluster["name"] == format!("{}.test", self.name));
        Ok(cluster.with_context(|| format!("no cluster {}", self.name))?["servers"][0].clone())
    }
}

const fn up(name: &'static str, address: &'static str, probe: &'static str) -> Case {
    Case { name, address, probe, cause: "", warning: "" }
}

const fn warned(
    name: &'static str,
    address: &'static str,
    probe: &'static str,
    warning: &'static str,
) -> Case {
    Case { name, address, probe, cause: "", warning }
}

const fn down(name: &'static str, address: &'static str, probe: &'static str, cause: &'static str) -> Case {
    Case { name, address, probe, cause, warning: "" }
}
