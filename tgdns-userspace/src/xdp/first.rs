//! The self-test of a program whose maps say nothing yet.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use anyhow::Result;

use super::Program;
use crate::{
    cluster::{Cluster, Model},
    netlink::ServiceAddress,
    publish,
    selection::{Chosen, FULL},
    self_test::{Age, Findings},
};

/// Of documentation (RFC 5737, RFC 3849): no client asks there.
const ADDRESSES: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 53)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x53))];

/// Fills the maps as if all servers were live, asks for every name before the first beat and after it, and empties them again. Nobody reads them yet.
pub(super) fn check(program: &mut Program, findings: &mut Findings, model: &Model) -> Result<()> {
    let prefixes = publish::prefixes(model);
    let all = |cluster: &Cluster| Chosen { weights: vec![FULL; cluster.servers.len()], ..Chosen::default() };
    let all: Vec<Chosen> = model.clusters.iter().map(all).collect();
    let services = ADDRESSES.map(|address| ServiceAddress {
        interface: String::new(),
        interface_index: 0,
        mac: [2, 0, 0, 0, 0, 0x53],
        vlan_tags: Vec::new(),
        address,
    });
    let full = publish::image(model, &prefixes, &all, &BTreeSet::from(services), &[], &[]);
    program.publish(&full)?;
    // Until the first beat they are stale, and what is answered then is in the maps, too.
    findings.check(&full, &[Age::Stale], |frame| program.self_test(frame))?;
    program.beat(model.stale_after)?;
    findings.check(&full, &[Age::Fresh], |frame| program.self_test(frame))?;
    let none = vec![None; model.clusters.len()];
    program.publish(&publish::image(model, &prefixes, &all, &BTreeSet::new(), &none, &[])).map(drop)
}
