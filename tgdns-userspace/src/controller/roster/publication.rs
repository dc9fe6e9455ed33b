//! What is due to be published, and what was.

use std::{sync::Arc, time::Instant};

use super::Roster;
use crate::selection::{Chosen, Selection};

impl Roster {
    /// What is to be published at this time: nothing while a cluster that clients are answered for would be missing, so that
    /// no name is ever taken out of the tables, and from then on whatever differs from the last publication.
    pub fn due(&mut self, now: Instant, unix_seconds: u32) -> Option<Selection> {
        // Most outcomes change nothing, and there are thousands of them each second.
        let is_settled = self.published.is_some() && self.settled.iter().all(|settled| *settled);
        let rises = self.rises_at.is_some_and(|at| at <= now);
        if is_settled && !self.touched && !self.is_renewed && !rises {
            return None;
        }
        if !self.is_ready(now) {
            return None;
        }
        let clusters = 0..self.health.len();
        let chosen: Vec<Option<Arc<Chosen>>> = clusters.map(|cluster| self.chosen(cluster, now)).collect();
        if chosen.iter().all(Option::is_none) {
            return None;
        }
        let rises_at = self.next_rise(now);
        let published = self.published.as_ref();
        let selection =
            Selection::following(published, chosen, self.services.clone()?, self.ttls.clone(), unix_seconds);
        self.rises_at = rises_at;
        self.touched = self.is_renewed || published != Some(&selection);
        if !self.touched {
            self.stirred.clear();
        }
        self.touched.then_some(selection)
    }

    /// Whom a cluster hands out; nothing of one that is not ready. What was chosen last holds unless something has happened that it
    /// depends on.
    fn chosen(&self, cluster: usize, now: Instant) -> Option<Arc<Chosen>> {
        let slow_start = self.model.clusters.get(cluster).and_then(|of| of.policy.slow_start);
        let is_rising = self.rises_at.is_some() && slow_start.is_some();
        let is_same = !self.is_renewed && !is_rising && !self.stirred.contains(&cluster);
        let published = self.published.as_ref().filter(|published| is_same && published.has(cluster));
        match published.and_then(|published| published.chosen.get(cluster)) {
            Some(chosen) => Some(Arc::clone(chosen)),
            None => self.is_cluster_ready(cluster, now).then(|| Arc::new(self.choose(cluster, now))),
        }
    }

    /// To be called when what was due is in the tables.
    pub fn set_published(&mut self, selection: Selection) {
        for (cluster, (settled, served)) in self.settled.iter_mut().zip(&mut self.served).enumerate() {
            *settled |= selection.has(cluster);
            *served |= selection.has(cluster);
        }
        self.is_renewed = false;
        self.stirred.clear();
        for cluster in selection.changed_since(self.published.as_ref()) {
            let (Some(of), Some(chosen)) = (self.model.clusters.get(cluster), selection.chosen.get(cluster))
            else {
                continue;
            };
            // Whom the clients of a view are told may follow from who was live last.
            if self.last.see(of, chosen) && of.hides_servers() {
                self.stirred.insert(cluster);
            }
        }
        self.published = Some(selection);
        self.touched = false;
    }

    /// To be called when what was due could not be published: the tables may say anything, so all of it is due once more, be it what
    /// was published before.
    pub fn set_unpublished(&mut self) {
        self.is_renewed = true;
    }

    pub fn published(&self) -> Option<&Selection> {
        self.published.as_ref()
    }
}
