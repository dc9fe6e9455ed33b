//! What a valid configuration may still be wrong about.

mod policy;
mod probe;

use std::{collections::BTreeSet, net::IpAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::{
    cluster::{Answer, Cluster, DefaultView, Model, Server},
    preflight::commands,
};

/// What works, but is seldom meant: one line each.
pub fn warnings(model: &Model) -> Vec<String> {
    let mut warnings = Vec::new();
    for cluster in &model.clusters {
        of_answers(cluster, &mut warnings);
        probe::of_cluster(cluster, &mut warnings);
        of_addresses(model, cluster, &mut warnings);
    }
    probe::of_limits(model, &mut warnings);
    super::rate_limit::warnings(model, &mut warnings);
    if model.listen.is_empty() {
        let told = [
            ("identity", !model.identity.is_empty()),
            ("version", !model.version.is_empty()),
            ("cookie_secret", model.cookie_secret.is_some()),
        ];
        for (key, _) in told.iter().filter(|(_, is_given)| *is_given) {
            warnings.push(format!("dns.{key}: only sockets tell it, and `listen` is empty"));
        }
    }
    of_views(model, &mut warnings);
    warnings
}

/// The same, and what is wrong with the commands that are run, as this host has them. Reads directories.
pub fn warnings_here(model: &Model) -> Vec<String> {
    warnings(model).into_iter().chain(commands::warnings(model)).collect()
}

fn of_views(model: &Model, warnings: &mut Vec<String>) {
    let others = match model.default_view {
        DefaultView::Own | DefaultView::NoData => Some(0),
        DefaultView::View(view) => Some(view),
        DefaultView::Refused => None,
    };
    for (identifier, view) in (1..).zip(&model.views) {
        let Some(others) = others.filter(|others| *others != identifier) else { continue };
        let differs = |cluster: &Cluster| {
            cluster.servers.iter().any(|server| server.handed_out(identifier) != server.handed_out(others))
        };
        if !model.clusters.iter().any(differs) {
            let name = &view.name;
            warnings.push(format!(
                "view {name}: its clients are told the same as all others; name it in an alias"
            ));
        }
    }
    let has = |prefix: IpNet| model.views.iter().any(|view| view.clients.contains(&prefix));
    if model.default_view != DefaultView::Own
        && has(IpNet::V4(Ipv4Net::default()))
        && has(IpNet::V6(Ipv6Net::default()))
    {
        warnings
            .push("default_view: every client is in a view (0.0.0.0/0 and ::/0); take it away".to_owned());
    }
}

/// What is to be done elsewhere, on other machines: one line each.
pub fn notes(model: &Model) -> Vec<String> {
    let note = |cluster: &Cluster| {
        let name = &cluster.name;
        format!(
            "{name}: a forwarder that validates DNSSEC needs an exception, which `tgdns forwarder-config SERVER` prints \
             (BIND: validate-except {{ \"{name}\"; }}; Unbound: domain-insecure: \"{name}\")"
        )
    };
    model.clusters.iter().map(note).collect()
}

fn of_answers(cluster: &Cluster, warnings: &mut Vec<String>) {
    let Cluster { name, answer, servers, .. } = cluster;
    policy::of_policy(cluster, warnings);
    if let [only] = servers.as_slice() {
        warnings.push(format!("{name}: {} is its only server, nothing takes over when it fails", only.name));
    }
    if let Answer::Subset(size) = answer
        && usize::from(*size) >= servers.len()
    {
        let count = servers.len();
        warnings.push(format!(
            "{name}: a subset of {size} is all of its {count} servers; answer = \"all\" says so"
        ));
    }
    if servers.iter().all(|server| server.weight == 0) {
        warnings.push(format!("{name}: all weights are 0; give at least one server a weight"));
    }
}

type Family = (&'static str, fn(&IpAddr) -> bool);

fn of_addresses(model: &Model, cluster: &Cluster, warnings: &mut Vec<String>) {
    let name = &cluster.name;
    let hidden = |view, server: &Server| server.handed_out(view).is_empty();
    let nowhere = |server: &&Server| model.view_identifiers().all(|view| hidden(view, server));
    for server in cluster.servers.iter().filter(nowhere) {
        warnings.push(format!(
            "{name}: {} is handed out in no view; give it an alias, or take it away",
            server.name
        ));
    }
    let mut seldom_meant = BTreeSet::new();
    for view in model.view_identifiers() {
        let to = match model.views.is_empty() {
            true => String::new(),
            false => format!(" to view {}", model.view_name(view)),
        };
        let told_of: Vec<&Server> = cluster.servers.iter().filter(|server| !hidden(view, server)).collect();
        if told_of.is_empty() && (view != 0 || model.default_view == DefaultView::Own) {
            warnings.push(format!(
                "{name}: no server is handed out{to}: its clients are told that there are no addresses"
            ));
        }
        let families: [Family; 2] = [("IPv4", IpAddr::is_ipv4), ("IPv6", IpAddr::is_ipv6)];
        for (family, is_family) in families {
            let lacks = |server: &&&Server| !server.handed_out(view).iter().any(is_family);
            let lacking: Vec<&str> =
                told_of.iter().filter(lacks).map(|server| server.name.as_str()).collect();
            if !lacking.is_empty() && lacking.len() < told_of.len() {
                let lacking = super::some_of(&lacking);
                warnings
                    .push(format!("{name}: {family} addresses are handed out{to}, but none for {lacking}"));
            }
        }
        seldom_meant.extend(cluster.servers.iter().flat_map(|server| {
            let cause =
                |address: &IpAddr| Some((server.name.clone(), *address, seldom_meant_cause(*address)?));
            server.handed_out(view).iter().filter_map(cause)
        }));
    }
    for (server, address, cause) in seldom_meant {
        warnings.push(format!("{name}: {address}, handed out for {server}, {cause}"));
    }
}

fn seldom_meant_cause(address: IpAddr) -> Option<&'static str> {
    match address {
        address if address.is_loopback() => Some("is a loopback address: clients would reach themselves"),
        IpAddr::V4(v4) if v4.is_link_local() => Some("is link-local: clients beyond its link don't reach it"),
        IpAddr::V4(v4) if v4.octets()[3] == 0 => Some("is the network's own address in a /24"),
        IpAddr::V4(v4) if v4.octets()[3] == 255 => Some("is the broadcast address in a /24"),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}
