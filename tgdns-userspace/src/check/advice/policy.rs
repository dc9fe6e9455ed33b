//! Where a policy can't work as it is meant.

mod sticky;
mod tiers;
mod ttl;

use crate::cluster::{AllDown, Answer, Cluster, ProbeKind, Select};

const STATES_ALONE: &str = ", or let agents report states alone";

pub(super) fn of_policy(cluster: &Cluster, warnings: &mut Vec<String>) {
    let Cluster { name, answer, policy, servers, .. } = cluster;
    let mut warn = |text: String| warnings.push(format!("{name}: {text}"));
    let weights = || servers.iter().map(|server| server.weight).filter(|weight| *weight != 0);
    let differ = weights().any(|weight| Some(weight) != weights().next());
    let mut probes = servers.iter().flat_map(|server| &server.probes);
    // Commands and files may report weights as well, but seldom do.
    let are_reported = probes.any(|probe| matches!(probe.kind, ProbeKind::Agent(_)));
    ttl::of_ttl(cluster, &mut warn);
    match (policy.select, answer) {
        (Select::Weighted, Answer::All) if differ || policy.slow_start.is_some() || are_reported => {
            let (what, advice) = match (differ, policy.slow_start) {
                (true, _) => ("weights only choose", ""),
                (false, Some(_)) => ("slow_start only chooses", ""),
                (false, None) => ("weights that agents report only choose", STATES_ALONE),
            };
            warn(format!(
                "with all addresses in every answer, {what} the first one, and caching forwarders put them in an order of \
                 their own: set answer = \"one\" or a subset{advice}"
            ));
        }
        (Select::Rotate, _) if differ => {
            warn(
                "select = \"rotate\" ignores weights, but for 0: set \"weighted\", or take them away"
                    .to_owned(),
            );
        }
        (Select::Rotate, _) if are_reported => {
            warn(format!(
                "select = \"rotate\" ignores weights that agents report, but for 0: set \"weighted\"{STATES_ALONE}"
            ));
        }
        (Select::Sticky { ipv4, ipv6 }, _) => sticky::of_clients(cluster, (ipv4, ipv6), &mut warn),
        (Select::Rotate | Select::Weighted, _) => {}
    }
    tiers::of_tiers(cluster, &mut warn);
    if policy.min_up > 1 && usize::from(policy.min_up) == servers.len() {
        warn(format!("with min_up = {} one dead server is enough that `all_down` decides", policy.min_up));
    }
    if let AllDown::Servfail | AllDown::Refused = policy.all_down {
        warn(
            "all_down: resolvers may remember an error for up to 5 minutes (RFC 9520), which is how long the name is silent \
             after a server has come back"
                .to_owned(),
        );
    }
}
