//! How a cluster's servers are chosen, for people and as JSON.

use serde_json::{Value, json};

use crate::{
    cluster::{AllDown, Answer, Cluster, Policy, Select, Server},
    publish::Draws,
    selection::{FULL, shares},
};

/// What completes "answers with".
pub(super) fn answer(cluster: &Cluster) -> String {
    let size = match cluster.answer {
        Answer::All => "all live addresses".to_owned(),
        Answer::One => "one address".to_owned(),
        Answer::Subset(size) => format!("{size} addresses"),
    };
    let order = match cluster.policy.select {
        Select::Sticky { ipv4, ipv6 } => {
            format!(", chosen by the client's first {ipv4} bits, {ipv6} of IPv6")
        }
        Select::Weighted if has_weights(cluster) => ", chosen by weight".to_owned(),
        Select::Weighted | Select::Rotate => String::new(),
    };
    format!("{size}{order}")
}

/// A line, where something is not the default.
pub(super) fn exceptions(cluster: &Cluster) -> Option<String> {
    let Policy { spill_below, slow_start, min_up, all_down, .. } = &cluster.policy;
    let mut parts = Vec::new();
    if cluster.servers.iter().any(|server| server.tier != 1) {
        parts.push(match spill_below {
            1 => "the next tier serves where none of those before is live".to_owned(),
            count => format!("the next tier serves, too, where fewer than {count} of those before are live"),
        });
    }
    if let Some(time) = slow_start {
        parts.push(format!("weights rise for {} after a recovery", humantime::format_duration(*time)));
    }
    if *min_up > 1 || *all_down != AllDown::All {
        let when = match min_up {
            0 | 1 => "without a live server".to_owned(),
            count => format!("with fewer than {count} live servers"),
        };
        let what = match all_down {
            AllDown::All => "all are handed out".to_owned(),
            AllDown::Last => "the last live ones are handed out".to_owned(),
            AllDown::Servfail => "the answer is SERVFAIL".to_owned(),
            AllDown::Refused => "the answer is REFUSED".to_owned(),
            AllDown::NoData => "there is no address".to_owned(),
            AllDown::Addresses(addresses) => {
                format!("{} are handed out", super::list(addresses).unwrap_or_default())
            }
        };
        parts.push(format!("{when} {what}"));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn has_weights(cluster: &Cluster) -> bool {
    cluster.servers.iter().any(|server| server.weight != 1)
}

/// Whether a server's share is of interest: that of clients is not what its weight says, not even of equal ones.
pub(super) fn has_shares(cluster: &Cluster) -> bool {
    has_weights(cluster) || matches!(cluster.policy.select, Select::Sticky { .. })
}

/// By server, what it has while all servers of its tier are live, and no other tier serves: from 0 to 1.
pub(super) fn shares(cluster: &Cluster) -> Vec<f64> {
    shares::of_cluster(cluster, &first_weights(cluster), &Draws::default())
}

/// The same by what the weights say.
pub(super) fn meant_shares(cluster: &Cluster) -> Vec<f64> {
    shares::shares(&first_weights(cluster), cluster.answer, cluster.policy.select)
}

/// By server, in parts of `FULL`: of the first tier that has any.
fn first_weights(cluster: &Cluster) -> Vec<u32> {
    let first = cluster.servers.iter().filter(|server| server.weight != 0).map(|server| server.tier).min();
    let weight =
        |server: &Server| if Some(server.tier) == first { u32::from(server.weight) * FULL } else { 0 };
    cluster.servers.iter().map(weight).collect()
}

pub(super) fn all_down(policy: &Policy) -> Value {
    match &policy.all_down {
        AllDown::All => json!("all"),
        AllDown::Last => json!("last"),
        AllDown::Servfail => json!("servfail"),
        AllDown::Refused => json!("refused"),
        AllDown::NoData => json!("nodata"),
        AllDown::Addresses(addresses) => json!(addresses),
    }
}

pub(super) fn select(policy: &Policy) -> Value {
    match policy.select {
        Select::Sticky { ipv4, ipv6 } => json!({ "sticky": { "ipv4": ipv4, "ipv6": ipv6 } }),
        Select::Rotate | Select::Weighted => json!(policy.select.as_str()),
    }
}
