//! Servers at the far end whose ports close and open one by one.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result};

use crate::host::Host;

/// The first of the servers' addresses; there is room for sixteen.
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 10, 10, 32);
const NETWORK: &str = "10.10.10.32/28";
const PORT: u16 = 443;

pub(crate) struct Backends {
    ports: Vec<Option<TcpListener>>,
}

impl Backends {
    /// So many; the ports of all are open.
    pub(crate) fn start(host: &Host, count: usize) -> Result<Self> {
        host.far.run("ip", &["route", "add", "local", NETWORK, "dev", "lo"])?;
        let mut backends = Self { ports: Vec::new() };
        for place in 0..count {
            backends.ports.push(None);
            backends.open(host, place)?;
        }
        Ok(backends)
    }

    pub(crate) fn open(&mut self, host: &Host, place: usize) -> Result<()> {
        let at = (address(place), PORT);
        let port =
            host.far.enter(|| TcpListener::bind(at))?.with_context(|| format!("listening on {at:?}"))?;
        *self.ports.get_mut(place).context("no such server")? = Some(port);
        Ok(())
    }

    /// Its kernel refuses connections from now on.
    pub(crate) fn close(&mut self, place: usize) -> Result<()> {
        self.ports.get_mut(place).and_then(Option::take).map(drop).context("its port is not open")
    }
}

/// Of a server, by its place.
pub(crate) fn address(place: usize) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(FIRST) + place as u32)
}

/// A cluster's servers `NAME-1`, `NAME-2` and so on, each with further keys.
pub(crate) fn servers(name: &str, keys: &[&str]) -> String {
    let server = |(place, keys): (usize, &&str)| {
        format!(
            "[[cluster.server]]\nname = \"{name}-{}\"\naddress = \"{}\"\n{keys}\n",
            place + 1,
            address(place)
        )
    };
    keys.iter().enumerate().map(server).collect()
}

/// A cluster `NAME.netz` with keys of its own, whose servers are probed five times a second.
pub(crate) fn cluster(name: &str, keys: &str, servers_keys: &[&str]) -> String {
    format!(
        "[[cluster]]\nname = \"{name}.netz\"\n{keys}\n\
         probe = {{ port = {PORT}, interval = \"200ms\", timeout = \"200ms\" }}\n{}",
        servers(name, servers_keys)
    )
}
