//! What a reload would change, and what it cannot change: pure.

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::cluster::{Alias, Cluster, DefaultView, Model, Server};

/// How an error begins that comes after all: what was to be changed is changed.
pub const APPLIED: &str = "the configuration holds";

/// The reply of `tgdns reload`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The file that was read.
    pub file: PathBuf,
    /// Empty where the file says what holds already.
    pub changes: Vec<Difference>,
}

/// One thing that is different.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// `cluster`, `server`, `view`, `interface`, `listen` or `setting`.
    pub kind: String,
    pub name: String,
    pub change: Kind,
    /// The keys that have another value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Added,
    Removed,
    Changed,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.kind, self.name, self.change)?;
        if self.keys.is_empty() { Ok(()) } else { write!(formatter, ": {}", self.keys.join(", ")) }
    }
}

/// Why a running controller cannot take a configuration; empty where it can.
pub fn refusals(before: &Model, after: &Model) -> Vec<String> {
    let mut fixed = Vec::new();
    for (key, same) in [
        ("control", before.control == after.control),
        ("state_dir", before.state_directory == after.state_directory),
        ("pin_dir", before.pin_directory == after.pin_directory),
        ("writable", before.writable == after.writable),
        ("xdp_mode", before.xdp_mode == after.xdp_mode),
        ("probes_at_once", before.probes.at_once == after.probes.at_once),
        ("commands_at_once", before.probes.commands_at_once == after.probes.commands_at_once),
    ] {
        if !same {
            fixed.push(format!("`{key}` cannot be changed by a reload: put it back, or restart tgdns"));
        }
    }
    for address in after.listen.iter().filter(|address| !before.listen.contains(address)) {
        if let Some(other) = before.listen.iter().find(|other| overlap(**other, *address)) {
            fixed.push(format!(
                "dns.listen: {address} overlaps {other}, on which tgdns listens: a wildcard and its single addresses \
                 cannot take each other's place by a reload; restart tgdns"
            ));
        }
    }
    fixed
}

/// Whether a socket on one keeps another one from being bound, although the addresses differ.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let wildcard = one.ip().is_unspecified() || other.ip().is_unspecified();
    wildcard && one.port() == other.port() && one.is_ipv4() == other.is_ipv4()
}

/// What is different, in the order of the file that is to hold; what is gone comes last of its kind.
pub fn differences(before: &Model, after: &Model) -> Vec<Difference> {
    let mut differences = settings(before, after);
    differences.extend(listed("interface", &before.interfaces, &after.interfaces));
    let text = |addresses: &[SocketAddr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
    differences.extend(listed("listen", &text(&before.listen), &text(&after.listen)));
    differences.extend(compared(
        "view",
        &before.views,
        &after.views,
        |view| &view.name,
        |one, other| keys(&[("clients", one.clients == other.clients)]),
    ));
    differences.extend(compared(
        "cluster",
        &before.clusters,
        &after.clusters,
        |cluster| &cluster.name,
        |one, other| cluster_keys(before, after, one, other),
    ));
    for cluster in &after.clusters {
        let old = before.clusters.iter().find(|old| old.name == cluster.name);
        // What is different for all of them is told as the cluster's.
        let own_probes = old.is_some_and(|old| has_same_probes(old, cluster));
        let server = |one: &Server, other: &Server| {
            let mut keys = server_keys(before, after, one, other);
            keys.extend((own_probes && one.probes != other.probes).then(|| "probe".to_owned()));
            keys
        };
        let old = old.map_or(&[][..], |old| &old.servers);
        differences.extend(compared("server", old, &cluster.servers, |server| &server.name, server));
    }
    differences
}

fn settings(before: &Model, after: &Model) -> Vec<Difference> {
    let keys = keys(&[
        ("default_view", default_view(before) == default_view(after)),
        ("stale_after", before.stale_after == after.stale_after),
        ("when_stale", before.when_stale == after.when_stale),
        ("hook", before.hooks == after.hooks),
        ("control_group", before.control_group == after.control_group),
        ("dns.identity", before.identity == after.identity),
        ("dns.version", before.version == after.version),
        ("dns.cookie_secret", before.cookie_secret == after.cookie_secret),
        ("dns.tcp_connections", before.tcp.connections == after.tcp.connections),
        (
            "dns.tcp_connections_per_client",
            before.tcp.connections_per_client == after.tcp.connections_per_client,
        ),
        ("dns.tcp_idle_timeout", before.tcp.idle_timeout == after.tcp.idle_timeout),
        ("dns.rate_limit", before.rate_limit == after.rate_limit),
    ]);
    let setting = |key| difference("setting", key, Kind::Changed, Vec::new());
    keys.iter().map(|key| setting(key)).collect()
}

/// Whose eyes the clients in no view have, by the name of the view where they have one's.
fn default_view(model: &Model) -> (DefaultView, &str) {
    match model.default_view {
        DefaultView::View(view) => (DefaultView::View(0), model.view_name(view)),
        other @ (DefaultView::Own | DefaultView::NoData | DefaultView::Refused) => (other, ""),
    }
}

fn cluster_keys(before: &Model, after: &Model, one: &Cluster, other: &Cluster) -> Vec<String> {
    // Those that are servers as well are told as such.
    let same_name_servers = one.name_servers.len() == other.name_servers.len()
        && one.name_servers.iter().zip(&other.name_servers).all(|(old, new)| {
            let is_server = other.servers.iter().any(|server| server.name == new.name);
            old.name == new.name && (is_server || server_keys(before, after, old, new).is_empty())
        });
    let known = [
        ("ttl", one.ttl == other.ttl),
        ("ttl_min", one.ttl_min == other.ttl_min),
        ("negative_ttl", one.negative_ttl == other.negative_ttl),
        ("answer", one.answer == other.answer),
        ("select", one.policy.select == other.policy.select),
        ("spill_below", one.policy.spill_below == other.policy.spill_below),
        ("slow_start", one.policy.slow_start == other.policy.slow_start),
        ("min_up", one.policy.min_up == other.policy.min_up),
        ("all_down", one.policy.all_down == other.policy.all_down),
        ("probe", has_same_probes(one, other)),
        ("nameservers", same_name_servers),
    ];
    keys(&known)
}

fn has_same_probes(one: &Cluster, other: &Cluster) -> bool {
    (&one.probes, one.join) == (&other.probes, other.join)
}

/// Views are compared by their names, whose order may have changed.
fn server_keys(before: &Model, after: &Model, one: &Server, other: &Server) -> Vec<String> {
    let aliases = |model: &Model, server: &Server| {
        let named = |(view, alias): &(u32, Alias)| (model.view_name(*view).to_owned(), alias.clone());
        let views: BTreeMap<String, Alias> = server.view_aliases.iter().map(named).collect();
        (server.alias.clone(), views)
    };
    keys(&[
        ("address", one.address == other.address),
        ("alias", aliases(before, one) == aliases(after, other)),
        ("weight", one.weight == other.weight),
        ("tier", one.tier == other.tier),
        ("part", one.part == other.part),
    ])
}

fn keys(keys: &[(&str, bool)]) -> Vec<String> {
    keys.iter().filter(|(_, same)| !same).map(|(key, _)| (*key).to_owned()).collect()
}

fn listed(kind: &str, before: &[String], after: &[String]) -> Vec<Difference> {
    compared(kind, before, after, |name| name, |_, _| Vec::new())
}

fn compared<T>(
    kind: &str,
    before: &[T],
    after: &[T],
    name: impl Fn(&T) -> &String,
    keys: impl Fn(&T, &T) -> Vec<String>,
) -> Vec<Difference> {
    let find = |all: &'_ [T], of: &T| all.iter().position(|other| name(other) == name(of));
    let mut differences = Vec::new();
    for entry in after {
        match find(before, entry).and_then(|place| before.get(place)) {
            None => differences.push(difference(kind, name(entry), Kind::Added, Vec::new())),
            Some(old) => {
                let keys = keys(old, entry);
                if !keys.is_empty() {
                    differences.push(difference(kind, name(entry), Kind::Changed, keys));
                }
            }
        }
    }
    let gone = before.iter().filter(|entry| find(after, entry).is_none());
    differences.extend(gone.map(|entry| difference(kind, name(entry), Kind::Removed, Vec::new())));
    differences
}

fn difference(kind: &str, name: &str, change: Kind, keys: Vec<String>) -> Difference {
    Difference { kind: kind.to_owned(), name: name.to_owned(), change, keys }
}

/// As text, for people.
pub fn render(changes: &Changes) -> String {
    let file = changes.file.display();
    if changes.changes.is_empty() {
        return format!("{file} is loaded: nothing is different\n");
    }
    let lines = changes.changes.iter().map(|change| format!("  {change}\n")).collect::<String>();
    format!("{file} is loaded:\n{lines}")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
