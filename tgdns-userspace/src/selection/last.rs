//! Who was handed out last because of being live, by name, so that it outlives a restart and another configuration.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use tgdns_common::{
    tables::{AnswerSet, policy},
    wire::dns::ExtendedError,
};

use super::{Chosen, Rule};
use crate::{
    cluster::{Cluster, Model},
    image::{self, Image},
};

/// The names of servers, by their cluster's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Last(BTreeMap<String, BTreeSet<String>>);

impl Last {
    /// What the tables of an earlier run tell.
    pub fn of(model: &Model, image: &Image) -> Self {
        let mut last = Self::default();
        for cluster in &model.clusters {
            let sets = image.sets_of(&cluster.name).filter(|set| are_live(set));
            let told: BTreeSet<IpAddr> = sets.flat_map(image::addresses).collect();
            let was_told = |server: &&crate::cluster::Server| {
                model
                    .view_identifiers()
                    .any(|view| server.handed_out(view).iter().any(|of| told.contains(of)))
            };
            let servers = cluster.servers.iter().filter(was_told).map(|server| server.name.clone());
            last.keep(cluster, servers.collect());
        }
        last
    }

    /// Takes in what is handed out from now on.
    pub fn see(&mut self, model: &Model, chosen: &[Chosen]) {
        for (cluster, chosen) in
            model.clusters.iter().zip(chosen).filter(|(_, chosen)| chosen.rule == Rule::Live)
        {
            let servers = cluster.servers.iter().zip(&chosen.weights).filter(|(_, weight)| **weight != 0);
            self.keep(cluster, servers.map(|(server, _)| server.name.clone()).collect());
        }
    }

    /// Of a cluster's servers those that were handed out; nothing where that is not known.
    pub fn servers(&self, cluster: &Cluster) -> Option<Vec<bool>> {
        let names = self.0.get(&cluster.name)?;
        Some(cluster.servers.iter().map(|server| names.contains(&server.name)).collect())
    }

    fn keep(&mut self, cluster: &Cluster, servers: BTreeSet<String>) {
        if !servers.is_empty() {
            self.0.insert(cluster.name.clone(), servers);
        }
    }
}

/// Whether those in a set are, or were when they were handed out first.
fn are_live(set: &AnswerSet) -> bool {
    set.policy & policy::WITHOUT_LIVE == 0
        || u16::from_be_bytes(set.extended_error) == ExtendedError::STALE_ANSWER
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{cluster::AllDown, config, publish};

    /// Whatever is published, a later run reads the same from it.
    #[test]
    fn tables_tell_who_was_live() {
        let text = r#"
            interfaces = ["eth0"]
            [[view]]
            name = "lan"
            clients = ["192.168.0.0/16"]
            [[cluster]]
            name = "c.netz"
            probe.port = 443
            part = [{ first = "10.10.10.1", count = 3, alias = { lan = "192.168.1.1" } }]
        "#;
        let mut model = config::parse(text, "F").expect("a good configuration");
        model.clusters[0].policy.all_down = AllDown::Last;
        for (rule, weights, expected) in [
            (Rule::Live, [1, 0, 5], Some(vec![true, false, true])),
            (Rule::Last, [0, 1, 0], Some(vec![false, true, false])),
            // Who is handed out for want of others tells nothing.
            (Rule::All, [1, 1, 1], None),
            (Rule::Servfail, [0, 0, 0], None),
        ] {
            let chosen = [Chosen::new(rule, weights.to_vec())];
            let image =
                publish::image(&model, &publish::prefixes(&model), &chosen, &BTreeSet::new(), &[], &[]);
            let last = Last::of(&model, &image);
            assert_eq!(last.servers(&model.clusters[0]), expected, "{rule:?}");
            let mut seen = Last::default();
            seen.see(&model, &chosen);
            assert_eq!(seen.servers(&model.clusters[0]), expected.filter(|_| rule == Rule::Live), "{rule:?}");
        }
    }
}
