//! Where answers are kept for too long.

use std::time::Duration;

use crate::{
    cluster::{Cluster, Join, Probe, Server},
    ttl,
};

/// Seconds; while an answer is cached, a dead server is still handed out.
const LONG_TTL: u32 = 60;
/// Seconds. Nobody minds less.
const SHORT_TTL: u32 = 5;
/// An answer that is kept so many times as long as it takes to notice a dead server makes that of little use.
const TIMES_DETECTION: u32 = 3;

pub(super) fn of_ttl(cluster: &Cluster, warn: &mut impl FnMut(String)) {
    let Cluster { ttl, ttl_min, servers, join, .. } = cluster;
    // Where the TTL follows health no answer outlives a change by more than the least one.
    let (key, seconds) = ttl_min.map_or(("ttl", *ttl), |least| ("ttl_min", least));
    // Of the server that is watched most closely; where any one of its probes makes it up, all have to notice.
    let noticed = |server: &Server| {
        let detections = server.probes.iter().map(detection);
        match join {
            Join::All => detections.min(),
            Join::Any => detections.max(),
        }
    };
    let detection = servers.iter().filter_map(noticed).min().unwrap_or_default();
    if seconds > SHORT_TTL && Duration::from_secs(seconds.into()) > detection * TIMES_DETECTION {
        let detection = humantime::format_duration(detection);
        warn(format!(
            "{key} {seconds} s is long beside the {detection} in which a dead server is noticed: shorten it, or probe less often"
        ));
    }
    if seconds > LONG_TTL {
        warn(format!(
            "{key} {seconds} s keeps dead servers in caches for as long; {LONG_TTL} s or less is better, 1 s is usual"
        ));
    }
    let probes = servers.iter().flat_map(|server| &server.probes);
    if let (Some(least), Some(furthest)) = (ttl_min, probes.map(ttl::furthest_change).min())
        && furthest.as_secs() <= u64::from(*least)
    {
        warn(format!(
            "the TTL is always `ttl_min` ({least} s), as the next possible change is never further than {:.1} s away: write \
             ttl = {least} without `ttl_min`, or probe less often",
            furthest.as_secs_f64()
        ));
    }
}

/// How long a server can be dead before it is noticed.
fn detection(probe: &Probe) -> Duration {
    probe.interval + probe.fast_interval * (probe.fall.max(1) - 1) + probe.timeout
}
