//! The start: what the last run knew holds until the servers have been probed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Roster, Selection};
use crate::{
    cluster::Cluster,
    health::{Change, Health, Origin, ServerHealth},
    image::Image,
    last_run::{LastRun, file::Memory},
    publish::{self, Renderer},
    remark::{Remark, Subject},
    selection::{Chosen, Rule, last::Last},
};

impl Roster {
    /// Takes over what the maps and the file of the last run tell, at `now`, which the clock calls `wall` (in milliseconds
    /// since 1970). To be called before anything was observed.
    pub fn remember(&mut self, maps: &Image, file: &Memory, now: Instant, wall: u64) {
        // First, as the maps may know better what became of a server whose maintenance has ended.
        self.recall_remarks(file, now, wall);
        self.tell_time(now, Duration::from_millis(wall).as_secs());
        let last_run = LastRun { maps, file, admins: &self.admins, now: wall };
        let mut forgotten = Vec::new();
        for (index, (cluster, servers)) in self.model.clusters.iter().zip(&mut self.health).enumerate() {
            let recalled = last_run.servers(&self.model, cluster).into_iter().enumerate();
            for ((server, health), (place, recalled)) in cluster.servers.iter().zip(servers).zip(recalled) {
                let known = file.server(&cluster.name, &server.name, server.address);
                let changes = known.into_iter().flat_map(|known| known.changes(now, wall));
                inherit(health, recalled.health, changes.collect(), now);
                recalled.reports.into_iter().for_each(|(probe, report)| health.recall(probe, report));
                forgotten.extend(recalled.forgotten.map(|cause| ((index, place), cause)));
            }
        }
        for (place, cause) in forgotten {
            self.tell_own_word(place, self.told_word(place), cause, now);
        }
        let names = self.model.clusters.iter().map(|cluster| maps.has_name(&cluster.name));
        self.served = names.collect();
        self.last = Last::of(&self.model, maps, &file.last);
        let chosen: Vec<_> = (0..self.health.len()).map(|cluster| self.choose(cluster, now)).collect();
        self.settled = chosen.iter().map(|chosen| chosen.rule == Rule::Live).collect();
        self.published = self.as_in(maps, chosen);
        self.is_renewed = true;
    }

    /// Takes over what was said of the servers. What people said last is what held when the last run ended, so that whatever
    /// ended since is told.
    fn recall_remarks(&mut self, file: &Memory, now: Instant, wall: u64) {
        let clusters = self.model.clusters.iter().zip(self.remarks.iter_mut().zip(&mut self.states));
        for (cluster, (remarks, states)) in clusters {
            for (server, (remarks, state)) in cluster.servers.iter().zip(remarks.iter_mut().zip(states)) {
                let Some(known) = file.named(&cluster.name, &server.name) else { continue };
                let said = known.remarks(now, wall);
                if !known.is_of(server.address) {
                    remarks.keep_impediments(&said);
                    continue;
                }
                *remarks = said;
                *state = remarks.last(Subject::Admin).map(Remark::state).unwrap_or_default();
            }
        }
    }

    /// The publication that maps hold. Of a cluster that they tell in another way only the serial is left, on which its next
    /// one follows; so a zone's serial outlives the controller.
    fn as_in(&self, maps: &Image, chosen: Vec<Chosen>) -> Option<Selection> {
        let serial = |name: &str| maps.sets_of(name).next().and_then(|set| publish::serial_of(&set.negative));
        let serials: Vec<_> = self.model.clusters.iter().map(|cluster| serial(&cluster.name)).collect();
        // One that follows health is no part of what the zone says.
        let ttl = |cluster: &Cluster| {
            let told = maps.sets_of(&cluster.name).next().map(|set| u32::from_be_bytes(set.ipv4.record.ttl));
            cluster.ttl_min.and(told).unwrap_or(cluster.ttl)
        };
        let ttls: Vec<u32> = self.model.clusters.iter().map(ttl).collect();
        serials.iter().any(Option::is_some).then_some(())?;
        let services = self.services.clone().unwrap_or_default();
        let chosen = chosen.into_iter().map(Arc::new).collect();
        let mut selection = Selection { chosen, services, serials, ttls };
        let told = Renderer::default().image(&self.model, &self.basis, &selection);
        for (cluster, chosen) in self.model.clusters.iter().zip(&mut selection.chosen) {
            let is_same = maps.sets_of(&cluster.name).count() == told.sets_of(&cluster.name).count()
                && told
                    .sets_of(&cluster.name)
                    .all(|set| maps.sets_of(&cluster.name).any(|other| other == set));
            if !is_same {
                *chosen = Arc::default();
            }
        }
        Some(selection)
    }
}

fn inherit(health: &mut ServerHealth, verdict: Health, mut changes: Vec<Change>, now: Instant) {
    let last = changes.last().map_or(Health::Unknown, |change| change.to);
    if last != verdict {
        let cause = match verdict {
            Health::Up => "the last run handed it out",
            Health::Down => "the last run found it down",
            Health::Unknown => "what the last run found may no longer be so",
        };
        changes.push(Change { from: last, to: verdict, cause: cause.to_owned(), at: now });
    }
    health.inherit(Origin::LastRun, verdict, changes);
}
