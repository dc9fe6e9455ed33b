//! Which questions an image can be asked: for each of its answer sets one for each type of address.

use std::net::{IpAddr, Ipv6Addr};

use tgdns_common::{
    name,
    tables::{Address, AnswerSet, Service, Tables as _},
};

use super::{Age, TX, answer, networks::Networks};
use crate::{image::Image, query};

const TYPES: [&str; 2] = ["A", "AAAA"];

/// A question, and the frame that asks it.
pub(super) struct Case {
    /// For people: the name, the type and the client.
    pub(super) name: String,
    pub(super) frame: Vec<u8>,
    /// With how many of its addresses an answer can begin.
    pub(super) turns: usize,
}

/// How many places have a question.
pub(super) fn count(image: &Image) -> usize {
    image.answers.len() * TYPES.len()
}

/// Whether a question with this name can still be asked.
pub(super) fn has(image: &Image, name: &str) -> bool {
    let asked = name.split_whitespace().next().unwrap_or_default();
    image.has_name(asked)
}

impl Case {
    /// The question at a place; nothing where no client can ask it.
    pub(super) fn find(image: &Image, networks: &Networks, place: usize) -> Option<Self> {
        let set = &image.answers.get(place / TYPES.len())?.set;
        let r#type = TYPES.get(place % TYPES.len())?;
        let wire: &[u8; name::MAX_LENGTH] = bytemuck::cast_ref(&set.name);
        let asked = query::presentation(wire);
        let message = query::question(&asked, r#type).ok()?;
        let addresses = if *r#type == "A" { set.ipv4.count } else { set.ipv6.count };
        let turns = usize::from(addresses).max(1);
        [4, 6].into_iter().find_map(|family| {
            let service = image.service_addresses().find(|service| service.family == family)?;
            clients(image, networks, set, service).find_map(|client| {
                let frame = query::query_frame(service, client, &message);
                let is_answered = answer(image, &frame, 0, Age::Fresh).0.action == TX;
                is_answered.then(|| Self { name: format!("{asked} {type} for {client}"), frame, turns })
            })
        })
    }
}

/// Clients that have the set's view and the service's family.
fn clients<'i>(
    image: &'i Image,
    networks: &'i Networks,
    set: &AnswerSet,
    service: &Service,
) -> impl Iterator<Item = IpAddr> + use<'i> {
    let view = u32::from_be_bytes(set.view);
    let is_ipv4 = service.family == 4;
    let near = u128::from_be_bytes(service.address) ^ 1;
    let within = networks.of(view, is_ipv4).iter().flat_map(|&(first, last)| {
        [first, first.saturating_add(1).min(last), first + (last - first) / 2, last]
    });
    let addresses = std::iter::once(near).chain(within);
    addresses.filter(move |address| view_of(image, *address) == view).map(move |address| {
        let address = Ipv6Addr::from(address);
        if is_ipv4 { address.to_canonical() } else { address.into() }
    })
}

fn view_of(image: &Image, address: u128) -> u32 {
    image.view(Address::from_ipv6(address.to_be_bytes()), 0)
}
