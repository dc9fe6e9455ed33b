//! What people say of the servers, and what that comes to at a time.

use std::time::Instant;

use super::Roster;
use crate::{
    admin::{AdminState, Admins, Said},
    cluster::{Cluster, Server},
    probe::Target,
};

impl Roster {
    /// What people say of the servers from now on; it counts from the next [`Self::tell_time`].
    pub fn set_admins(&mut self, admins: Admins) {
        self.admins = admins;
        self.states_end = Some(0);
    }

    /// Takes in what people's say comes to at a time, in seconds since 1970. Gives the targets on which the work has ended:
    /// they are probed again, and must prove themselves anew.
    pub fn tell_time(&mut self, now: Instant, unix_seconds: u64) -> Vec<Target> {
        let mut back = Vec::new();
        if self.states_end.is_none_or(|end| unix_seconds < end) {
            return back;
        }
        self.states_end = self.admins.next_end(unix_seconds);
        self.touched = true;
        for (cluster_index, cluster) in self.model.clusters.iter().enumerate() {
            for (index, server) in cluster.servers.iter().enumerate() {
                let state = self.admins.state(&server.name, unix_seconds);
                let place = self.states.get_mut(cluster_index).and_then(|states| states.get_mut(index));
                let before = place.map_or(AdminState::Ready, |place| std::mem::replace(place, state));
                if before == AdminState::Maint && state != AdminState::Maint {
                    back.extend(self.targets.get(cluster_index).and_then(|targets| targets.get(index)));
                    let health =
                        self.health.get_mut(cluster_index).and_then(|servers| servers.get_mut(index));
                    if let Some(health) = health {
                        health.doubt("maintenance has ended", now);
                    }
                }
            }
        }
        back
    }

    /// Whose admin states have ended by themselves; to be asked before [`Self::tell_time`].
    pub fn ended(&self, unix_seconds: u64) -> Vec<(&Cluster, &Server, &Said)> {
        let mut ended = Vec::new();
        if self.states_end.is_none_or(|end| unix_seconds < end) {
            return ended;
        }
        for (index, cluster) in self.model.clusters.iter().enumerate() {
            let servers = cluster.servers.iter().enumerate();
            let taken_out = servers.filter(|(server, _)| self.state(index, *server) != AdminState::Ready);
            ended.extend(taken_out.filter_map(|(_, server)| {
                Some((cluster, server, self.admins.ended(&server.name, unix_seconds)?))
            }));
        }
        ended
    }

    /// Whether a person wants a server to be handed out, at the time that was told last.
    pub fn state(&self, cluster: usize, server: usize) -> AdminState {
        self.states.get(cluster).and_then(|states| states.get(server)).copied().unwrap_or_default()
    }

    pub fn admins(&self) -> &Admins {
        &self.admins
    }
}
