//! Where tiers can't work as they are meant.

use std::collections::BTreeMap;

use crate::cluster::{Answer, Cluster};

pub(super) fn of_tiers(cluster: &Cluster, warn: &mut impl FnMut(String)) {
    let Cluster { servers, policy, answer, .. } = cluster;
    let spill_below = usize::from(policy.spill_below);
    // How many servers each tier has that may be live.
    let mut tiers: BTreeMap<u8, usize> = BTreeMap::new();
    for server in servers {
        *tiers.entry(server.tier).or_default() += usize::from(server.weight != 0);
    }
    if tiers.len() == 1 {
        if spill_below > 1 {
            warn("`spill_below` means nothing where all servers are of one tier".to_owned());
        }
        return;
    }
    let total: usize = tiers.values().sum();
    // Where all weights are 0 that is told of the cluster.
    for (tier, _) in tiers.iter().filter(|(_, count)| total > 0 && **count == 0) {
        warn(format!(
            "all servers of tier {tier} have the weight 0, so that it never serves: give them a weight"
        ));
    }
    let mut serving = tiers.iter().filter(|(_, count)| **count > 0);
    let Some((first, count)) = serving.next() else { return };
    if spill_below > total {
        warn(format!(
            "`spill_below` ({spill_below}) is more than its {total} servers, so that all tiers always serve: lower it"
        ));
    } else if let (true, Some((next, _))) = (spill_below > *count, serving.next()) {
        warn(format!(
            "`spill_below` ({spill_below}) is more than the {count} servers of tier {first}, so that tier {next} always serves \
             as well: lower it"
        ));
    }
    if let Answer::Subset(size) = answer
        && usize::from(*size) > (*count).max(spill_below)
        && usize::from(*size) <= total
    {
        warn(format!(
            "a subset of {size} is more than the {count} servers of tier {first}: set spill_below = {size}, or lower the subset"
        ));
    }
}
