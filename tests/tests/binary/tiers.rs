//! Tiers: who serves where those before are too few.

use std::net::IpAddr;

use anyhow::{Context as _, Result};

use crate::{
    backends::{Backends, address, cluster},
    host::{Host, IPV4, Setup},
};

const NAME: &str = "tiers.netz";
/// Of each server.
const TIERS: [&str; 5] = ["tier = 1", "tier = 1", "tier = 2", "tier = 3", "tier = 3"];

#[test]
fn lower_tiers_spill_over() -> Result<()> {
    let clusters = cluster("tiers", "spill_below = 2", &TIERS);
    let mut host = Host::new(&Setup { clusters: &clusters, ..Setup::default() })?;
    let mut backends = Backends::start(&host, TIERS.len())?;
    host.launch()?;
    let client = host.client("10.10.10.10", IPV4)?;
    let told = |what: &str, places: &[usize]| {
        let expected: Vec<IpAddr> = places.iter().map(|place| address(*place).into()).collect();
        client.wait_for_addresses(NAME, &expected).with_context(|| format!("{what}\n{}", host.log()))
    };
    told("the first tier is enough", &[0, 1])?;
    backends.close(0)?;
    told("one is too few, and the second tier joins in", &[1, 2])?;
    backends.close(1)?;
    told("nor are there two in two tiers, and the third one joins in", &[2, 3, 4])?;
    backends.open(&host, 1)?;
    told("two in two tiers do without the third one", &[1, 2])?;
    backends.close(2)?;
    told("an empty tier is passed over", &[1, 3, 4])?;
    backends.close(1)?;
    backends.close(4)?;
    told("the last one serves alone", &[3])?;
    backends.open(&host, 0)?;
    backends.open(&host, 1)?;
    told("the first tier takes over again", &[0, 1])
}
