//! What is probed, by numbers that outlive configurations.

use std::collections::HashMap;

use super::Roster;
use crate::{
    cluster::{Cluster, Server},
    probe::Target,
};

impl Roster {
    /// What is to be probed.
    pub fn targets(&self) -> impl Iterator<Item = (Target, &Cluster, &Server)> {
        let clusters = self.model.clusters.iter().zip(&self.targets);
        clusters.flat_map(|(cluster, targets)| {
            targets.iter().zip(&cluster.servers).map(move |(target, server)| (*target, cluster, server))
        })
    }

    /// Which cluster and server a target is; nothing for one that was given up.
    pub fn place(&self, target: Target) -> Option<(usize, usize)> {
        self.places.get(&target).copied()
    }

    pub(super) fn target(&self, cluster: usize, server: usize) -> Option<Target> {
        self.targets.get(cluster).and_then(|targets| targets.get(server)).copied()
    }
}

pub(super) fn places(targets: &[Vec<Target>]) -> HashMap<Target, (usize, usize)> {
    let clusters = targets.iter().enumerate();
    let of_cluster = |(cluster, targets): (usize, &Vec<Target>)| {
        targets
            .iter()
            .enumerate()
            .map(move |(server, target)| (*target, (cluster, server)))
            .collect::<Vec<_>>()
    };
    clusters.flat_map(of_cluster).collect()
}
