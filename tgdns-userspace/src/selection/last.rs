//! Who was handed out last because of being live, by name, so that it outlives a restart and another configuration.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use serde::{Deserialize, Serialize};
use tgdns_common::{
    tables::{AnswerSet, policy},
    wire::dns::ExtendedError,
};

use super::{Chosen, Rule};
use crate::{
    cluster::{Cluster, Model, Server},
    image::{self, Image},
};

/// The names of servers, by their cluster's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Last(BTreeMap<String, BTreeSet<String>>);

impl Last {
    /// What the tables of an earlier run tell, and what that run has `saved`, which may be older. Where too few are live the
    /// tables lack those whom a person has taken out since.
    pub fn of(model: &Model, image: &Image, saved: &Self) -> Self {
        let mut last = Self::default();
        for cluster in &model.clusters {
            let told = |which: fn(&AnswerSet) -> bool| {
                let sets = image.sets_of(&cluster.name).filter(|set| which(set));
                let addresses: BTreeSet<IpAddr> = sets.flat_map(image::addresses).collect();
                let is_told = |server: &&Server| {
                    let mut views = model.view_identifiers();
                    views.any(|view| server.handed_out(view).iter().any(|of| addresses.contains(of)))
                };
                let servers = cluster.servers.iter().filter(is_told).map(|server| server.name.clone());
                servers.collect::<BTreeSet<String>>()
            };
            let stale = told(are_stale);
            let saved = saved.0.get(&cluster.name).filter(|saved| stale.is_subset(saved)).cloned();
            for servers in [stale, saved.unwrap_or_default(), told(are_live)] {
                last.keep(cluster, servers);
            }
        }
        last
    }

    /// Takes in what a cluster hands out from now on. Tells whether others were handed out before.
    pub fn see(&mut self, cluster: &Cluster, chosen: &Chosen) -> bool {
        let servers = cluster.servers.iter().zip(&chosen.weights).filter(|(_, weight)| **weight != 0);
        let is_live = chosen.rule == Rule::Live;
        is_live && self.keep(cluster, servers.map(|(server, _)| server.name.clone()).collect())
    }

    /// Of a cluster's servers those that were handed out; nothing where that is not known.
    pub fn servers(&self, cluster: &Cluster) -> Option<Vec<bool>> {
        let names = self.0.get(&cluster.name)?;
        Some(cluster.servers.iter().map(|server| names.contains(&server.name)).collect())
    }

    fn keep(&mut self, cluster: &Cluster, servers: BTreeSet<String>) -> bool {
        let differs = !servers.is_empty() && self.0.get(&cluster.name) != Some(&servers);
        if differs {
            self.0.insert(cluster.name.clone(), servers);
        }
        differs
    }
}

fn are_live(set: &AnswerSet) -> bool {
    set.policy & policy::EXPLAINED == 0
}

/// Whether those in a set were live when they were handed out first.
fn are_stale(set: &AnswerSet) -> bool {
    !are_live(set) && u16::from_be_bytes(set.extended_error) == ExtendedError::STALE_ANSWER
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{cluster::AllDown, config, publish};

    fn model() -> Model {
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
        model
    }

    /// Whatever is published, a later run reads the same from it.
    #[test]
    fn tables_tell_who_was_live() {
        let model = model();
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
            let last = Last::of(&model, &image, &Last::default());
            assert_eq!(last.servers(&model.clusters[0]), expected, "{rule:?}");
            let mut seen = Last::default();
            seen.see(&model.clusters[0], &chosen[0]);
            assert_eq!(seen.servers(&model.clusters[0]), expected.filter(|_| rule == Rule::Live), "{rule:?}");
        }
    }

    /// What the tables say by which rule, who was saved -> who was live last.
    #[test]
    fn what_was_saved_counts_where_the_tables_cannot_tell() {
        let model = model();
        for (rule, told, saved, expected) in [
            (Some(Rule::Live), "+--", "-++", "+--"),
            (Some(Rule::All), "+++", "-++", "-++"),
            (Some(Rule::Servfail), "---", "-++", "-++"),
            (None, "---", "-++", "-++"),
            (None, "---", "---", "none"),
            // The third one was drained since.
            (Some(Rule::Last), "-+-", "-++", "-++"),
            // That was saved before the first one came back.
            (Some(Rule::Last), "+--", "-++", "+--"),
        ] {
            let which = |text: &str| text.bytes().map(|letter| u32::from(letter == b'+')).collect();
            let image = rule.map_or_else(Image::default, |rule| {
                let chosen = [Chosen::new(rule, which(told))];
                publish::image(&model, &publish::prefixes(&model), &chosen, &BTreeSet::new(), &[], &[])
            });
            let mut known = Last::default();
            known.see(&model.clusters[0], &Chosen::new(Rule::Live, which(saved)));
            let servers = Last::of(&model, &image, &known).servers(&model.clusters[0]);
            let letters = |servers: Vec<bool>| -> String {
                servers.iter().map(|is_in| if *is_in { '+' } else { '-' }).collect()
            };
            assert_eq!(servers.map_or("none".to_owned(), letters), expected, "{rule:?} {told} {saved}");
        }
    }
}
