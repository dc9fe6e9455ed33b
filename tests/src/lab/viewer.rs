//! The viewer: it knows the cluster's name and the organisation's DNS server, and nothing else.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{namespace::Namespace, program, run::Run, server::PORT};

const PATIENCE: Duration = Duration::from_secs(5);

pub struct Viewer {
    pub namespace: Arc<Namespace>,
    dns: Ipv4Addr,
}

impl Viewer {
    pub fn new(run: &Run, namespace: Arc<Namespace>, dns: Ipv4Addr) -> Result<Self> {
        let machine = namespace.machine();
        run.write_etc(machine, "resolv.conf", &format!("nameserver {dns}\n"))?;
        // A resolver daemon of the host would answer from outside of the lab.
        run.write_etc(machine, "nsswitch.conf", "hosts: files dns\n")?;
        Ok(Self { namespace, dns })
    }

    /// What `getaddrinfo` finds, as programs see it.
    pub fn look_up(&self, name: &str) -> Result<Vec<Ipv4Addr>> {
        let text = program::run("ip", &["netns", "exec", self.namespace.name(), "getent", "ahosts", name])
            .with_context(|| format!("the viewer does not find {name}"))?;
        let streams = text.lines().filter(|line| line.split_whitespace().nth(1) == Some("STREAM"));
        streams
            .filter_map(|line| line.split_whitespace().next())
            .map(|address| address.parse().with_context(|| format!("getent printed {address}")))
            .collect()
    }

    /// Looks the name up and connects to the first address.
    pub fn visit(&self, name: &str) -> Result<Visit> {
        let addresses = self.look_up(name)?;
        let Some(address) = addresses.first() else { bail!("{name} has no address") };
        self.connect(*address)
    }

    /// Connects and reads the greeting.
    pub fn connect(&self, address: Ipv4Addr) -> Result<Visit> {
        let connection = self.namespace.connect(SocketAddr::from((address, PORT)), PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE)).context("setting a timeout")?;
        let mut visit = Visit { address, server: String::new(), connection: BufReader::new(connection) };
        visit.server = visit.read_line()?;
        Ok(visit)
    }

    /// What `dig` prints when it asks the organisation's DNS server.
    pub fn dig(&self, arguments: &[&str]) -> Result<String> {
        let server = format!("@{}", self.dns);
        self.namespace.run("dig", &[&[server.as_str()], arguments].concat())
    }
}

/// A connection to a server.
pub struct Visit {
    pub address: Ipv4Addr,
    /// The name that the server said.
    pub server: String,
    connection: BufReader<TcpStream>,
}

impl Visit {
    /// Says something and hears it back: the connection is alive.
    pub fn talk(&mut self) -> Result<()> {
        writeln!(self.connection.get_mut(), "still there?").context("speaking to the server")?;
        let line = self.read_line()?;
        ensure!(line == "still there?", "the server said {line:?}");
        Ok(())
    }

    fn read_line(&mut self) -> Result<String> {
        let mut line = String::new();
        let length = self.connection.read_line(&mut line).context("listening to the server")?;
        ensure!(length > 0, "the server hung up");
        Ok(line.trim_end().to_owned())
    }
}
