//! Whom the program has limited.

use std::{collections::BTreeSet, net::IpAddr};

use anyhow::{Context as _, Result};
use aya::{
    maps::{Map, MapData, PerCpuArray, PerCpuValues},
    util::nr_cpus,
};
use tgdns_common::tables::Address;

/// An address in the map; zeros where there is none.
type Bytes = [u8; 16];

/// The last client over the limit on each CPU, in a map that is not pinned.
pub struct Limited(PerCpuArray<MapData, Bytes>);

impl Limited {
    /// # Errors
    /// The map is of another kind.
    pub fn new(map: Map) -> Result<Self> {
        Ok(Self(PerCpuArray::try_from(map).context("taking LIMITED")?))
    }

    /// Those since the last time, one of each CPU at most.
    ///
    /// # Errors
    /// The map cannot be read or written.
    pub fn take(&mut self) -> Result<BTreeSet<IpAddr>> {
        let clients: BTreeSet<IpAddr> =
            self.0.get(&0, 0).context("reading LIMITED")?.iter().filter_map(client).collect();
        if !clients.is_empty() {
            let cpus = nr_cpus().map_err(|(path, error)| error_of(path, &error))?;
            let nobody = PerCpuValues::try_from(vec![Bytes::default(); cpus]).context("clearing LIMITED")?;
            self.0.set(0, nobody, 0).context("writing LIMITED")?;
        }
        Ok(clients)
    }
}

fn error_of(path: &str, error: &std::io::Error) -> anyhow::Error {
    anyhow::anyhow!("cannot tell how many CPUs there are from {path}: {error}")
}

fn client(bytes: &Bytes) -> Option<IpAddr> {
    (*bytes != Bytes::default()).then(|| {
        let address = Address::from_ipv6(*bytes);
        if address.is_ipv4() { address.to_ipv4().into() } else { (*bytes).into() }
    })
}
