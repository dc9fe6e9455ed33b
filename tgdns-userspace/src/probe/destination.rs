//! Whom a probe asks.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use crate::cluster::{Cluster, Probe, Server};

/// One server as one probe sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The names of the cluster and of the server.
    pub cluster: String,
    pub server: String,
    /// The port is 0 where the kind of probe has none.
    pub address: SocketAddr,
    /// This host's address to ask from; the kernel's choice where none.
    pub source: Option<IpAddr>,
}

impl Destination {
    pub fn of(cluster: &Cluster, server: &Server, probe: &Probe) -> Self {
        Self {
            cluster: cluster.name.clone(),
            server: server.name.clone(),
            address: server.probed(probe),
            source: probe.source,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address.port() {
            0 => self.address.ip().fmt(formatter),
            _ => self.address.fmt(formatter),
        }
    }
}

#[cfg(test)]
impl Destination {
    /// An address, with a port or without.
    pub(super) fn at(address: &str) -> Self {
        let alone = || address.parse().map(|ip| SocketAddr::new(ip, 0));
        let address = address.parse().or_else(|_| alone()).expect("an address");
        Self { cluster: "c.test".to_owned(), server: "c-1".to_owned(), address, source: None }
    }
}
