//! What may be wrong with how servers are probed.

use crate::cluster::{Cluster, Join, Model, Probe, ProbeKind};

pub(super) fn of_cluster(cluster: &Cluster, warnings: &mut Vec<String>) {
    let name = &cluster.name;
    if cluster.join == Join::Any && cluster.probes.len() == 1 {
        warnings.push(format!("{name}: probes = \"any\" of a single one changes nothing; add another one"));
    }
    for probe in &cluster.probes {
        let which = &probe.name;
        if probe.fall == 1 {
            warnings.push(format!(
                "{name}: probe {which}: with fall = 1 a single lost packet takes a server out; 2 or more is usual"
            ));
        }
        if probe.timeout == probe.interval {
            warnings.push(format!(
                "{name}: probe {which}: timeout is as long as interval, so each probe of a silent server is followed by the \
                 next one without a pause; shorten the timeout"
            ));
        }
        if let ProbeKind::File(file) = &probe.kind
            && cluster.servers.len() > 1
            && !["{server}", "{address}"].iter().any(|place| file.path.contains(place))
        {
            warnings.push(format!(
                "{name}: probe {which}: all servers have the same file; write {{server}} or {{address}} into its path"
            ));
        }
    }
}

/// More probes than may be under way when no server answers.
pub(super) fn of_limits(model: &Model, warnings: &mut Vec<String>) {
    let is_command = |probe: &&Probe| matches!(probe.kind, ProbeKind::Exec(_));
    let probes =
        || model.clusters.iter().flat_map(|cluster| &cluster.servers).flat_map(|server| &server.probes);
    let most = |of: &mut dyn Iterator<Item = &Probe>| -> u64 { of.map(under_way).sum() };
    for (key, wanted, limit) in [
        ("probes_at_once", most(&mut probes().filter(|probe| !is_command(probe))), model.probes.at_once),
        ("commands_at_once", most(&mut probes().filter(is_command)), model.probes.commands_at_once),
    ] {
        if wanted > limit.into() {
            warnings.push(format!(
                "{key}: while no server answers {wanted} want to be under way, and {limit} may: raise it, or probes start late"
            ));
        }
    }
}

/// Of a server that is down and silent.
fn under_way(probe: &Probe) -> u64 {
    let rounds = probe.timeout.as_millis().div_ceil(probe.slow_interval.as_millis().max(1));
    u64::try_from(rounds).unwrap_or(u64::MAX).clamp(1, probe.rise.max(probe.fall).max(1).into())
}
