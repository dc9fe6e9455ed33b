//! The load balancers as name servers of a cluster's zone: servers of the cluster by their names, and machines beside it.

use std::collections::HashMap;

use toml::Spanned;

use super::{alias, draft::Draft, probe::Differences, take_name, view::ViewNames};
use crate::{
    cluster::{Cluster, Server},
    config::{
        file::{self, Given, Table},
        leaf::Label,
        mistakes::{Mistakes, Span},
    },
};

/// As many as fit into a message of 512 bytes, and as the root has.
const MOST: usize = 13;

/// Addresses of a machine beside the cluster, in one view.
const MOST_ADDRESSES: usize = 8;

/// So many of the first servers are the load balancers where the file does not tell.
const DEFAULT_COUNT: usize = 2;

pub(super) fn name_servers(
    names: Given<Vec<Spanned<Label>>>,
    machines: file::Tables<file::NameServer>,
    servers: &[Server],
    views: &ViewNames,
    mistakes: &mut Mistakes<'_>,
) -> Vec<Server> {
    if names.is_none() && machines.is_none() {
        return servers.iter().take(DEFAULT_COUNT).cloned().collect();
    }
    let at = names.as_ref().map(Spanned::span).or(machines.as_ref().map(Spanned::span)).unwrap_or_default();
    let mut taken = HashMap::new();
    let mut found = Vec::new();
    if let Some(names) = names {
        let at = names.span();
        if names.get_ref().is_empty() && machines.is_none() && !mistakes.lost_element(&at) {
            mistakes.add(
                &at,
                "`nameservers` is empty: name the servers that are load balancers, or take it away",
            );
        }
        for name in names.into_inner() {
            found.extend(server(&name, servers, &mut taken, mistakes));
        }
    }
    for table in machines.map(Spanned::into_inner).unwrap_or_default() {
        found.extend(machine(table, servers, &mut taken, views, mistakes));
    }
    if found.len() > MOST {
        let count = found.len();
        mistakes.add(
            &at,
            format!("{count} name servers are more than the {MOST} that a zone can have: list fewer"),
        );
    }
    found
}

fn server(
    name: &Spanned<Label>,
    servers: &[Server],
    taken: &mut HashMap<String, Span>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Server> {
    let (at, name) = (name.span(), &name.get_ref().0);
    let server = servers.iter().find(|server| server.name == *name);
    if server.is_none() && !servers.is_empty() {
        let advice = "name a server, or describe another machine in [[cluster.nameserver]]";
        mistakes.add(&at, format!("this cluster has no server \"{name}\": {advice}"));
    }
    is_free(taken, name, &at, mistakes).then_some(server?.clone())
}

fn machine(
    table: Spanned<Table<file::NameServer>>,
    servers: &[Server],
    taken: &mut HashMap<String, Span>,
    views: &ViewNames,
    mistakes: &mut Mistakes<'_>,
) -> Option<Server> {
    let at = table.span();
    let table = table.into_inner().0;
    let name = mistakes.required(table.name, &at, "name", "name the load balancer, such as \"lb1\"");
    let advice = "give the load balancer's own address";
    let address = mistakes.required(table.address, &at, "address", advice);
    let aliases = alias::single(table.alias, views, mistakes).unwrap_or_default();
    let (name, address) = (name?, address?);
    let (name_at, name) = (name.span(), name.into_inner().0);
    let is_free = is_free(taken, &name, &name_at, mistakes);
    if servers.iter().any(|server| server.name == name) {
        let advice = "list it in `nameservers`, or give this machine another name";
        mistakes.add(&name_at, format!("\"{name}\" is a server of the cluster: {advice}"));
    }
    let (address_at, address) = (address.span(), Some(address.into_inner().0));
    let draft = Draft {
        name,
        part: None,
        address,
        address_at,
        aliases,
        weight: 1,
        tier: 1,
        probes: Differences::default(),
    };
    let too_many = (0..=views.last_identifier())
        .map(|view| draft.handed_out(view))
        .find(|(addresses, _)| addresses.len() > MOST_ADDRESSES);
    if let Some((addresses, at)) = too_many {
        let count = addresses.len();
        mistakes.add(
            at,
            format!(
                "{count} addresses are more than the {MOST_ADDRESSES} that a name server can have: give fewer"
            ),
        );
    }
    is_free.then(|| draft.into_server(Vec::new()))
}

fn is_free(taken: &mut HashMap<String, Span>, name: &str, at: &Span, mistakes: &mut Mistakes<'_>) -> bool {
    let outcome = take_name(taken, name, at);
    if let Err(other) = &outcome {
        let line = mistakes.line(other);
        mistakes.add(at, format!("name server \"{name}\" is there already (line {line}): take one away"));
    }
    outcome.is_ok()
}

/// A name server's name must not be that of another cluster, which would take its place.
pub(super) fn check_names(clusters: &[Cluster], places: &HashMap<String, Span>, mistakes: &mut Mistakes<'_>) {
    for cluster in clusters {
        for server in &cluster.name_servers {
            let name = format!("{}.{}", server.name, cluster.name);
            if let Some(at) = places.get(&name) {
                let advice = format!(
                    "rename the cluster or the server, or list other `nameservers` for {}",
                    cluster.name
                );
                mistakes.add(at, format!("cluster \"{name}\" has the name of a name server: {advice}"));
            }
        }
    }
}
