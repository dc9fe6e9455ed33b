//! What a cluster's name is answered with in one view, in wire form.

use std::net::IpAddr;

use bytemuck::Zeroable as _;
use tgdns_common::{
    name,
    tables::{AnswerSet, Begins, Choice, Ipv4Addresses, Ipv6Addresses, Negative, policy},
    wire::dns::{ExtendedError, RecordHead, Type, rcode},
};

use super::{
    buckets,
    draws::Draws,
    family::{Family, Weighed, family},
    soa, stale,
};
use crate::{
    cluster::{AllDown, Answer, Cluster, Select},
    image::Slot,
    selection::{Chosen, Rule},
};

/// What all sets of a name have in common.
pub(super) struct Head {
    name: [[u8; 8]; name::WORDS],
    significant: [[u8; 8]; name::WORDS],
    negative: Negative,
}

impl Head {
    /// Nothing for a name that has no wire form.
    pub(super) fn of(cluster: &Cluster, serial: u32) -> Option<Self> {
        let (wire, _) = name::to_wire(&cluster.name)?;
        Some(Self {
            name: bytemuck::cast(wire),
            significant: bytemuck::cast(name::significant(&wire)),
            negative: soa::negative(0, cluster, serial),
        })
    }

    /// For sets that are not found by the index.
    pub(super) fn nameless(negative: Negative) -> Self {
        let nothing = [[0; 8]; name::WORDS];
        Self { name: nothing, significant: nothing, negative }
    }
}

/// What a view's clients get of those who were chosen; the TTL is in seconds.
pub(super) fn slot(
    head: &Head,
    (view, ttl): (u32, u32),
    cluster: &Cluster,
    chosen: &Chosen,
    draws: &Draws,
) -> Slot {
    let chosen = chosen.in_view(view);
    let addresses = addresses(cluster, chosen, view);
    // Equal weights are turns, and so are the addresses of others, which are no servers.
    let is_plain = match cluster.policy.select {
        Select::Rotate => true,
        Select::Weighted => are_equal(&addresses),
        Select::Sticky { .. } => chosen.rule == Rule::Addresses,
    };
    let select = if is_plain { Select::Rotate } else { cluster.policy.select };
    let mut slot = render(head, (view, ttl), &addresses, (cluster.answer, select), draws);
    if let Some(choice) = &mut slot.choice {
        choice.seed = (buckets::hash(&cluster.name) as u32).to_be_bytes();
    }
    let code = match chosen.rule {
        Rule::Live => return slot,
        Rule::Last => ExtendedError::STALE_ANSWER,
        Rule::All | Rule::Servfail | Rule::Refused | Rule::NoData | Rule::Addresses => {
            ExtendedError::NO_REACHABLE_AUTHORITY
        }
    };
    slot.set.policy |= policy::EXPLAINED;
    slot.set.extended_error = code.to_be_bytes();
    slot.set.rcode = match chosen.rule {
        Rule::Servfail => rcode::SERVFAIL as u8,
        Rule::Refused => rcode::REFUSED as u8,
        Rule::Live | Rule::All | Rule::Last | Rule::NoData | Rule::Addresses => rcode::NOERROR as u8,
    };
    slot
}

/// A set whose addresses are all told, in turns.
pub(super) fn plain(head: &Head, view: u32, ttl: u32, addresses: &[IpAddr]) -> AnswerSet {
    let addresses: Vec<_> =
        addresses.iter().map(|address| Weighed { address: *address, weight: 1, server: "" }).collect();
    render(head, (view, ttl), &addresses, (Answer::All, Select::Rotate), &Draws::default()).set
}

/// Whether all addresses of a family have the same weight: those of servers of the same weight have not where one of them has
/// more addresses than another.
fn are_equal(addresses: &[Weighed<'_, IpAddr>]) -> bool {
    let of_family = |is_ipv4: bool| {
        let mut weights =
            addresses.iter().filter(move |of| of.address.is_ipv4() == is_ipv4).map(|of| of.weight);
        let first = weights.next();
        weights.all(|weight| Some(weight) == first)
    };
    of_family(true) && of_family(false)
}

/// What clients of a view reach the servers by. A server's weight is that of all its addresses of a family together.
fn addresses<'c>(cluster: &'c Cluster, chosen: &Chosen, view: u32) -> Vec<Weighed<'c, IpAddr>> {
    if let (Rule::Addresses, AllDown::Addresses(addresses)) = (chosen.rule, &cluster.policy.all_down) {
        return addresses
            .iter()
            .map(|address| Weighed { address: *address, weight: 1, server: "" })
            .collect();
    }
    let weighed = |(server, weight): (&'c crate::cluster::Server, &u32)| {
        let handed_out = server.handed_out(view);
        let weight = u64::from(*weight) << 16;
        handed_out.iter().map(move |address| {
            let of_family = handed_out.iter().filter(|other| other.is_ipv4() == address.is_ipv4()).count();
            Weighed { address: *address, weight: weight / of_family as u64, server: server.name.as_str() }
        })
    };
    let chosen = cluster.servers.iter().zip(&chosen.weights).filter(|(_, weight)| **weight != 0);
    chosen.flat_map(weighed).collect()
}

fn render(
    head: &Head,
    (view, ttl): (u32, u32),
    addresses: &[Weighed<'_, IpAddr>],
    (answer, select): (Answer, Select),
    draws: &Draws,
) -> Slot {
    let (mut fours, mut sixes) = (Vec::new(), Vec::new());
    for Weighed { address, weight, server } in addresses {
        let (weight, server) = (*weight, *server);
        match address {
            IpAddr::V4(address) => fours.push(Weighed { address: address.octets(), weight, server }),
            IpAddr::V6(address) => sixes.push(Weighed { address: address.octets(), weight, server }),
        }
    }
    let stale_ttl = (ttl.min(stale::TTL) as u16).to_be_bytes();
    let Family { table, count, limit, begins: fours } = family(&fours, answer, select, draws);
    let ipv4 = Ipv4Addresses {
        record: RecordHead::of_question(Type::A, ttl, 4),
        count,
        limit,
        stale_ttl,
        addresses: table,
    };
    let Family { table, count, limit, begins: sixes } = family(&sixes, answer, select, draws);
    let ipv6 = Ipv6Addresses {
        record: RecordHead::of_question(Type::AAAA, ttl, 16),
        count,
        limit,
        stale_ttl,
        addresses: table,
    };
    let choice = choice(fours, sixes, select);
    let policy = match (&choice, select) {
        (None, _) => 0,
        (Some(_), Select::Sticky { .. }) => policy::STICKY,
        (Some(_), Select::Rotate | Select::Weighted) => policy::WEIGHTED,
    };
    let set = AnswerSet {
        name: head.name,
        significant: head.significant,
        view: view.to_be_bytes(),
        policy,
        rcode: 0,
        extended_error: [0; 2],
        ipv4,
        ipv6,
        negative: head.negative,
    };
    Slot { set, choice }
}

/// A family with one address, or none, begins at place 0, which all places of an empty one are.
fn choice(ipv4: Option<Begins>, ipv6: Option<Begins>, select: Select) -> Option<Box<Choice>> {
    if ipv4.is_none() && ipv6.is_none() {
        return None;
    }
    let (four, six) = match select {
        Select::Sticky { ipv4, ipv6 } => (ipv4, ipv6),
        Select::Rotate | Select::Weighted => (0, 0),
    };
    Some(Box::new(Choice {
        ipv4: ipv4.unwrap_or(Begins::zeroed()),
        ipv6: ipv6.unwrap_or(Begins::zeroed()),
        ipv4_mask: u32::MAX.checked_shl(32 - u32::from(four)).unwrap_or(0).to_be_bytes(),
        ipv6_mask: u128::MAX.checked_shl(128 - u32::from(six)).unwrap_or(0).to_be_bytes(),
        seed: [0; 4],
    }))
}
