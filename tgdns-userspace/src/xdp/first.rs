//! The self-test of a program whose maps say nothing yet.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use anyhow::Result;

use super::Program;
use crate::{
    cluster::{Cluster, Model},
    netlink::ServiceAddress,
    publish::{Basis, Renderer},
    selection::{Chosen, FULL, Selection},
    self_test::{Age, Findings},
};

/// Of documentation (RFC 5737, RFC 3849): no client asks there.
const ADDRESSES: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 53)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x53))];

/// Fills the maps as if all servers were live, asks for every name before the first beat and after it, and empties them again. Nobody reads them yet.
pub(super) fn check(program: &mut Program, findings: &mut Findings, model: &Model) -> Result<()> {
    let all = |cluster: &Cluster| Chosen { weights: vec![FULL; cluster.servers.len()], ..Chosen::default() };
    let services = ADDRESSES.map(|address| ServiceAddress {
        interface: String::new(),
        interface_index: 0,
        mac: [2, 0, 0, 0, 0, 0x53],
        vlan_tags: Vec::new(),
        address,
    });
    let full = Selection {
        chosen: model.clusters.iter().map(all).map(Arc::new).collect(),
        services: services.into(),
        serials: vec![Some(1); model.clusters.len()],
        ttls: model.clusters.iter().map(|cluster| cluster.ttl).collect(),
    };
    let none =
        Selection { services: BTreeSet::new(), serials: vec![None; model.clusters.len()], ..full.clone() };
    let (mut renderer, basis) = (Renderer::default(), Arc::new(Basis::new(model)));
    let full = renderer.image(model, &basis, &full);
    program.publish(&full)?;
    // Until the first beat they are stale, and what is answered then is in the maps, too.
    findings.check(&full, &[Age::Stale], |frame| program.self_test(frame))?;
    program.beat(model.stale_after)?;
    findings.check(&full, &[Age::Fresh], |frame| program.self_test(frame))?;
    program.publish(&renderer.image(model, &basis, &none)).map(drop)
}
