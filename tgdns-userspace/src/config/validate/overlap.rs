//! What no two servers of one cluster may share: own addresses, and the addresses that a view's clients are told.
//!
//! Two clusters may well share servers: one machine can offer two services under two names.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use super::{
    draft::{Counted, Draft, Drafts},
    view::ViewNames,
};
use crate::config::{
    MOST_SERVERS,
    mistakes::{Mistakes, Span},
};

pub(super) fn check(cluster: &Span, drafts: &Drafts, views: &ViewNames, mistakes: &mut Mistakes<'_>) {
    // Pairs of places whose clash is told already: counting repeats one clash for many servers, and in each view.
    let mut told = HashSet::new();
    parts(&drafts.counted, &mut told, mistakes);
    own_addresses(&drafts.servers, &mut told, mistakes);
    for view in 0..=views.last_identifier() {
        handed_out(&drafts.servers, view, views, &mut told, mistakes);
    }
    let too_many =
        (0..=views.last_identifier()).find_map(|view| Some((view, too_many(&drafts.servers, view)?)));
    if let Some((view, count)) = too_many {
        let seen_by = views.seen_by(view);
        mistakes.add(
            cluster,
            format!("{count} addresses of one family are handed out{seen_by}, at most {MOST_SERVERS} are possible: give fewer aliases"),
        );
    }
}

type Told = HashSet<(Span, Span)>;

fn parts(counted: &[Counted], told: &mut Told, mistakes: &mut Mistakes<'_>) {
    for (index, later) in counted.iter().enumerate() {
        for earlier in counted.iter().take(index) {
            if later.addresses.iter().any(|address| earlier.addresses.contains(address)) {
                let line = mistakes.line(&earlier.at);
                let [ours, theirs] = [later, earlier].map(|part| ends(&part.addresses));
                let message = format!("this part ({ours}) overlaps the part of line {line} ({theirs})");
                mistakes.add(&later.at, format!("{message}: move one of them, or count fewer"));
                told.insert((earlier.at.clone(), later.at.clone()));
            }
        }
    }
}

fn ends(addresses: &[IpAddr]) -> String {
    addresses
        .first()
        .zip(addresses.last())
        .map_or_else(String::new, |(first, last)| format!("{first} to {last}"))
}

fn own_addresses(servers: &[Draft], told: &mut Told, mistakes: &mut Mistakes<'_>) {
    let mut taken: HashMap<IpAddr, &Draft> = HashMap::new();
    for server in servers {
        let Some(address) = server.address else { continue };
        let Some(other) = taken.insert(address, server) else { continue };
        if told.insert((other.address_at.clone(), server.address_at.clone())) {
            let line = mistakes.line(&other.address_at);
            let [ours, theirs] = [&server.name, &other.name];
            let message =
                format!("{address} of server \"{ours}\" is the address of \"{theirs}\" (line {line})");
            mistakes.add(&server.address_at, format!("{message}: each server needs its own"));
        }
    }
}

fn handed_out(servers: &[Draft], view: u32, views: &ViewNames, told: &mut Told, mistakes: &mut Mistakes<'_>) {
    let mut taken: HashMap<IpAddr, (usize, &Span)> = HashMap::new();
    for (index, server) in servers.iter().enumerate() {
        let (addresses, at) = server.handed_out(view);
        for address in addresses {
            let Some((other, other_at)) = taken.insert(*address, (index, at)) else { continue };
            if !told.insert((other_at.clone(), at.clone())) {
                continue;
            }
            let ours = &server.name;
            let Some(theirs) = servers.get(other).filter(|_| other != index) else {
                mistakes.add(at, format!("{address} is listed twice for server \"{ours}\": take one away"));
                continue;
            };
            let (seen_by, line) = (views.seen_by(view), mistakes.line(other_at));
            let theirs = &theirs.name;
            mistakes.add(
                at,
                format!("{address} is handed out twice{seen_by}: for \"{theirs}\" (line {line}) and for \"{ours}\": \
                         each server needs its own alias"),
            );
        }
    }
}

/// The addresses of the larger family, where they are more than one answer set holds.
fn too_many(servers: &[Draft], view: u32) -> Option<usize> {
    let most = usize::try_from(MOST_SERVERS).ok().filter(|most| servers.len() <= *most)?;
    let addresses = || servers.iter().flat_map(|server| server.handed_out(view).0);
    let v4 = addresses().filter(|address| address.is_ipv4()).count();
    let larger = v4.max(addresses().count() - v4);
    (larger > most).then_some(larger)
}
