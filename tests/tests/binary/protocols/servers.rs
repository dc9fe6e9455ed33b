//! The programs at the far end.

use std::{
    fmt::Write as _,
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use tests::lab::{namespace::Namespace, process::Process, program, run::Run, wait};

use super::certificates::Authority;

/// Where nginx and BIND listen.
pub(super) const SERVER: &str = "10.10.10.22";
/// No machine has it.
pub(super) const SILENT: &str = "10.10.10.99";
/// A firewall says so.
pub(super) const FILTERED: &str = "10.10.10.11";
const STARTING: Duration = Duration::from_secs(20);

pub(super) struct Servers {
    pub(super) nginx: Process,
    _named: Process,
    /// The certificate of the authority that is trusted.
    pub(super) authority: PathBuf,
}

impl Servers {
    /// Gives them time until both of them listen.
    pub(super) fn start(run: &Run, far: &Namespace) -> Result<Self> {
        let directory = run.directory();
        let authority = directory.join("ca.pem");
        let configuration = directory.join("nginx.conf");
        write(&configuration, &nginx(&directory, &certificates(&directory, &authority)?))?;
        let path = configuration.to_str().context("the path of the lab is not UTF-8")?;
        let nginx =
            Process::start(run, far, "nginx", &program::path("nginx")?, ["-e", "stderr", "-c", path])?;

        let configuration = directory.join("named.conf");
        write(&configuration, &named(&directory))?;
        write(&directory.join("example.test"), ZONE)?;
        let path = configuration.to_str().context("the path of the lab is not UTF-8")?;
        let named = Process::start(run, far, "named", &program::path("named")?, ["-g", "-c", path])?;

        let firewall = directory.join("firewall.nft");
        write(&firewall, FIREWALL)?;
        far.run("nft", &["-f", firewall.to_str().context("the path of the lab is not UTF-8")?])?;
        let mut servers = Self { nginx, _named: named, authority };
        for port in [80, 8445, 53] {
            wait::until("the servers' ports", STARTING, || {
                servers.nginx.check()?;
                let connection = far.enter(|| TcpStream::connect((SERVER, port)))?;
                Ok(connection.map(drop).with_context(|| format!("port {port}")))
            })?;
        }
        Ok(servers)
    }
}

/// What a server of TLS has.
struct Tls {
    port: u16,
    /// Of whom it is the server on a port that others have, too; the first one's names are told to who asks for none.
    name: &'static str,
    certificate: PathBuf,
}

/// The servers of TLS, with their certificates' files.
fn certificates(directory: &Path, authority: &Path) -> Result<Vec<Tls>> {
    let (ours, theirs) = (Authority::new("ours")?, Authority::new("theirs")?);
    ours.write(authority)?;
    let www: Vec<String> =
        ["https", "https-expired", "https-stranger", "https-soon"].map(|name| format!("{name}.test")).into();
    let www: Vec<&str> = www.iter().map(String::as_str).collect();
    let mut servers = Vec::new();
    for (port, name, authority, names, days) in [
        (8441, "", &ours, www.as_slice(), 90),
        (8442, "", &ours, &www, -2),
        (8443, "", &ours, &["a.example.com"], 90),
        (8444, "", &theirs, &www, 90),
        (8446, "a.example.com", &ours, &["a.example.com"], 90),
        (8446, "https-sni.test", &ours, &["https-sni.test"], 90),
        (8445, "", &ours, &www, 10),
    ] {
        let certificate = directory.join(format!("{port}{name}.pem"));
        authority.sign(names, days, &certificate)?;
        servers.push(Tls { port, name, certificate });
    }
    Ok(servers)
}

fn nginx(directory: &Path, of_tls: &[Tls]) -> String {
    let mut servers = format!(
        "server {{ listen {SERVER}:80 default_server; return 200; }}
         server {{ listen {SERVER}:80; server_name http.test http-head.test http-missing.test http-body.test;
                   location = /health {{ return 200 \"all well\\n\"; }} location / {{ return 404; }} }}
         server {{ listen {SERVER}:80; server_name other.example.com; return 403; }}\n"
    );
    for Tls { port, name, certificate } in of_tls {
        let path = certificate.display();
        let _ = writeln!(
            servers,
            "server {{ listen {SERVER}:{port} ssl; server_name \"{name}\";
                       ssl_certificate {path}; ssl_certificate_key {path}; return 204; }}"
        );
    }
    format!(
        "daemon off; master_process off; pid {}/nginx.pid;
         events {{ worker_connections 256; }}
         http {{ access_log off;\n{servers}}}\n",
        directory.display()
    )
}

fn named(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "options {{ directory \"{directory}\"; pid-file none; session-keyfile \"{directory}/session.key\";
                    listen-on {{ {SERVER}; }}; listen-on-v6 {{ none; }}; recursion no; dnssec-validation no; }};
         controls {{ }};
         zone \"example.test\" {{ type primary; file \"{directory}/example.test\"; }};\n"
    )
}

const ZONE: &str = "\
$TTL 60
@    SOA ns hostmaster 1 60 60 60 60
@    NS  ns
ns   A   192.0.2.1
www  A   192.0.2.1
";

const FIREWALL: &str = "\
table ip lab {
    chain input {
        type filter hook input priority 0
        ip daddr 10.10.10.11 icmp type echo-request reject with icmp type admin-prohibited
    }
}
";

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
