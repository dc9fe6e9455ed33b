//! From one configuration to the next: what is known about a server stays with it.

use std::{collections::HashMap, time::Instant};

use super::{Roster, Selection, targets::places};
use crate::{
    admin::AdminState,
    cluster::{Cluster, Join, Model},
    health::Origin,
    last_run::PROBED_OTHERWISE,
    probe::Target,
    remark::{Remark, Remarks, Subject},
    selection::Rule,
};

impl Roster {
    /// The roster of the configuration that takes this one's place. A server that is in both, in the same cluster, by the same
    /// name and address, keeps its health; where its probe is the same as well, it keeps its target, so that nothing is
    /// disturbed. Under another probe it keeps its verdict until that one has its own.
    pub fn successor(&self, model: Model, now: Instant) -> Self {
        let mut next = Self::new(model, self.admins.clone(), self.services.clone(), now);
        next.started = self.started;
        next.next_target = self.next_target;
        for index in 0..next.model.clusters.len() {
            next.inherit(self, index, now);
        }
        next.places = places(&next.targets);
        next.published = self.published.as_ref().map(|published| self.as_seen_by(&next, published));
        next.last.clone_from(&self.last);
        next.is_renewed = true;
        next
    }

    /// Takes the predecessor's place: what that one was told since this one was made, of servers that it probes otherwise,
    /// is known here as well, and told where it is not so any longer. What that one has published since is what is followed on.
    pub fn take_place_of(&mut self, before: &Self, now: Instant) {
        self.published = before.published.as_ref().map(|published| before.as_seen_by(self, published));
        self.last.clone_from(&before.last);
        for (cluster, served) in self.model.clusters.iter().zip(&mut self.served) {
            let mut names = before.model.clusters.iter().zip(&before.served);
            *served |= names.any(|(old, served)| old.name == cluster.name && *served);
        }
        for cluster in 0..self.model.clusters.len() {
            for server in 0..self.health(cluster).len() {
                let place = (cluster, server);
                let Some(old) = self.otherwise_probed(place, before) else { continue };
                let since = before.remarks(old.0, old.1).into_iter().flat_map(Remarks::iter);
                // Of what people say both were told.
                let missed = since.filter(|said| said.at > self.begun && said.subject != Subject::Admin);
                let missed: Vec<Remark> = missed.cloned().collect();
                let known = self.remarks.get_mut(cluster).and_then(|servers| servers.get_mut(server));
                let Some(known) = known.filter(|_| !missed.is_empty()) else { continue };
                let mut all: Vec<Remark> = known.iter().cloned().chain(missed).collect();
                all.sort_by_key(|said| said.at);
                *known = all.into_iter().collect();
                self.tell_own_word(place, self.told_word(place), PROBED_OTHERWISE, now);
            }
        }
    }

    /// Where a server was before, if it is the same one under another target.
    fn otherwise_probed(&self, (cluster, server): (usize, usize), before: &Self) -> Option<(usize, usize)> {
        let of = self.model.clusters.get(cluster)?;
        let is = of.servers.get(server)?;
        before.place(self.target(cluster, server)?).is_none().then_some(())?;
        let old = before.model.clusters.iter().position(|old| old.name == of.name)?;
        let mut servers = before.model.clusters.get(old)?.servers.iter();
        Some((old, servers.position(|was| was.name == is.name && was.address == is.address)?))
    }

    /// Takes over what the predecessor knows about a cluster.
    fn inherit(&mut self, before: &Self, index: usize, now: Instant) {
        let Some(cluster) = self.model.clusters.get(index) else { return };
        let old_index = before.model.clusters.iter().position(|old| old.name == cluster.name);
        let old = old_index.and_then(|old_index| Some((old_index, before.model.clusters.get(old_index)?)));
        let names: HashMap<&str, usize> = old.map_or_else(HashMap::new, |(_, old)| {
            old.servers.iter().enumerate().map(|(place, server)| (server.name.as_str(), place)).collect()
        });
        let mut all_known = true;
        let mut forgotten = Vec::new();
        for (place, server) in cluster.servers.iter().enumerate() {
            let named = old.and_then(|(old_index, old)| {
                Some((old_index, names.get(server.name.as_str()).copied()?, old))
            });
            let same = named.filter(|(_, old_place, old)| {
                old.servers.get(*old_place).is_some_and(|old| old.address == server.address)
            });
            let fresh = Target(self.next_target);
            let target = self.targets.get_mut(index).and_then(|targets| targets.get_mut(place));
            let health = self.health.get_mut(index).and_then(|servers| servers.get_mut(place));
            let state = self.states.get_mut(index).and_then(|states| states.get_mut(place));
            let remarks = self.remarks.get_mut(index).and_then(|remarks| remarks.get_mut(place));
            let (Some(target), Some(health), Some(state), Some(remarks)) = (target, health, state, remarks)
            else {
                continue;
            };
            *target = fresh;
            if let Some((old_index, old_place, old)) = same
                && let Some(known) = before.health(old_index).get(old_place)
            {
                *state = before.state(old_index, old_place);
                before.remarks(old_index, old_place).into_iter().for_each(|known| remarks.clone_from(known));
                let old_probes = old.servers.get(old_place).map(|server| (old.join, &server.probes));
                if old_probes == Some((cluster.join, &server.probes)) {
                    health.clone_from(known);
                    *target = before.target(old_index, old_place).unwrap_or(fresh);
                } else {
                    // What a server says of itself is not handed on: one that took itself out has to say anew.
                    health.inherit(Origin::EarlierProbe, known.health(), known.changes().cloned());
                    if known.reported_state() != AdminState::Ready || known.weight(1) == 0 {
                        forgotten.push((place, before.own_word((old_index, old_place))));
                    }
                }
            } else {
                all_known = false;
                // Who was told that this name is not probed is told the end of that.
                let said = named.and_then(|(old_index, old_place, _)| before.remarks(old_index, old_place));
                said.into_iter().for_each(|said| remarks.keep_impediments(said));
            }
            self.next_target += u64::from(*target == fresh);
        }
        for (place, word) in forgotten {
            self.forget_own_word((index, place), word, PROBED_OTHERWISE, now);
        }
        let settled = old_index.and_then(|old_index| before.settled.get(old_index)).copied().unwrap_or(false);
        let served = old_index.and_then(|old_index| before.served.get(old_index)).copied().unwrap_or(false);
        // Who is live now is enough to answer with; where that are too few, the new ones' first verdicts are waited for.
        let settled = settled && (all_known || self.choose(index, now).rule == Rule::Live);
        for (of, value) in [(&mut self.settled, settled), (&mut self.served, served)] {
            if let Some(place) = of.get_mut(index) {
                *place = value;
            }
        }
    }

    /// What was published last, in the order of the next configuration. Of a cluster whose zone says something else now
    /// only the serial is left, on which its next one follows.
    fn as_seen_by(&self, next: &Self, published: &Selection) -> Selection {
        let of_cluster = |cluster: &Cluster| {
            let index = self.model.clusters.iter().position(|old| old.name == cluster.name)?;
            let serial = published.serials.get(index).copied().flatten()?;
            let is_same = self.model.views == next.model.views
                && self.model.default_view == next.model.default_view
                && self.model.clusters.get(index).is_some_and(|old| same_zone(old, cluster));
            let chosen = if is_same { published.chosen.get(index).cloned() } else { None };
            Some((serial, chosen.unwrap_or_default()))
        };
        let clusters: Vec<_> = next.model.clusters.iter().map(of_cluster).collect();
        Selection {
            serials: clusters.iter().map(|cluster| cluster.as_ref().map(|(serial, _)| *serial)).collect(),
            chosen: clusters.into_iter().map(|cluster| cluster.unwrap_or_default().1).collect(),
            services: published.services.clone(),
            ttls: next.ttls.clone(),
        }
    }
}

/// Whether two clusters are told alike, however their servers are probed.
fn same_zone(one: &Cluster, other: &Cluster) -> bool {
    let told = |cluster: &Cluster| {
        let mut told = Cluster { probes: Vec::new(), join: Join::All, ..cluster.clone() };
        for server in told.servers.iter_mut().chain(&mut told.name_servers) {
            server.probes.clear();
        }
        told
    };
    told(one) == told(other)
}
