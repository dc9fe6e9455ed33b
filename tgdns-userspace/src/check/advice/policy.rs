//! Where a policy can't work as it is meant.

use std::time::Duration;

use crate::cluster::{AllDown, Answer, Cluster, Probe, Select};

/// An answer that is kept so many times as long as it takes to notice a dead server makes that of little use.
const TIMES_DETECTION: u32 = 3;
/// Seconds. Nobody minds less.
const SHORT_TTL: u32 = 5;

pub(super) fn of_policy(cluster: &Cluster, warnings: &mut Vec<String>) {
    let Cluster { name, ttl, answer, policy, servers, .. } = cluster;
    let mut warn = |text: String| warnings.push(format!("{name}: {text}"));
    let weights = || servers.iter().map(|server| server.weight).filter(|weight| *weight != 0);
    let differ = weights().any(|weight| Some(weight) != weights().next());
    let detection = cluster.probes.iter().map(detection).max().unwrap_or_default();
    if *ttl > SHORT_TTL && Duration::from_secs((*ttl).into()) > detection * TIMES_DETECTION {
        let detection = humantime::format_duration(detection);
        warn(format!(
            "ttl {ttl} s is long beside the {detection} in which a dead server is noticed: shorten it, or probe less often"
        ));
    }
    match (policy.select, answer) {
        (Select::Weighted, Answer::All) if differ || policy.slow_start.is_some() => {
            let what = if differ { "weights" } else { "slow_start" };
            warn(format!(
                "with all addresses in every answer, {what} only chooses the first one, and caching forwarders put them in an \
                 order of their own: set answer = \"one\" or a subset"
            ).replace("weights only chooses", "weights only choose"));
        }
        (Select::Rotate, _) if differ => {
            warn(
                "select = \"rotate\" ignores weights, but for 0: set \"weighted\", or take them away"
                    .to_owned(),
            );
        }
        (Select::Sticky { ipv4, ipv6 }, _) => {
            if ipv4 == 0 || ipv6 == 0 {
                warn(
                    "a sticky prefix of 0 bits sends all clients of that family to one server: lengthen it"
                        .to_owned(),
                );
            }
            warn(
                "select = \"sticky\" goes by who asks: behind a forwarder all clients have the forwarder's address, and so one \
                 server; let clients ask the load balancers themselves, or set select = \"weighted\""
                    .to_owned(),
            );
        }
        (Select::Rotate | Select::Weighted, _) => {}
    }
    let has_tiers = servers.iter().any(|server| Some(server.tier) != servers.first().map(|first| first.tier));
    if policy.spill_below > 1 && !has_tiers {
        warn("`spill_below` means nothing where all servers are of one tier".to_owned());
    }
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

/// How long a server can be dead before it is noticed.
fn detection(probe: &Probe) -> Duration {
    probe.interval + probe.fast_interval * (probe.fall.max(1) - 1) + probe.timeout
}
