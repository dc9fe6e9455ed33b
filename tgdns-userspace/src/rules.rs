//! By which rule each cluster's answers are chosen, as people are told: that too few servers are live, and that enough are
//! again. Pure.
//!
//! What was told last decides, over restarts and reloads too, so that each alarm is ended. Of servers that come and go at the
//! threshold no more than one change a second is told, and at last the one that lasts.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{
    cluster::{Cluster, Model},
    controller::roster::{Roster, Selection},
    last_run::file::Memory,
    remark::{Remark, Remarks, Subject},
    selection::Rule,
};

/// Between two changes of a cluster that are told.
const QUIET: Duration = Duration::from_secs(1);

/// By the clusters' names.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    clusters: BTreeMap<String, OfCluster>,
    due_at: Option<Instant>,
}

#[derive(Clone, Debug, Default)]
struct OfCluster {
    /// What is published, once something is, and why.
    published: Option<(Rule, String)>,
    /// What was told.
    remarks: Remarks,
}

/// One change that is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleNews {
    pub cluster: String,
    pub rule: Rule,
    pub remark: Remark,
    /// For how long it was what it was before, where that is known.
    pub after: Option<Duration>,
}

impl Rules {
    /// As the last run has told, at `now`, which the clock calls `wall` (in milliseconds since 1970).
    pub fn recalled(model: &Model, file: &Memory, now: Instant, wall: u64) -> Self {
        let of_cluster = |cluster: &Cluster| {
            let remarks = file.answers(&cluster.name, now, wall);
            (cluster.name.clone(), OfCluster { published: None, remarks })
        };
        Self { clusters: model.clusters.iter().map(of_cluster).collect(), due_at: None }
    }

    /// Takes in what is published; of clusters that are no more nothing is kept.
    pub fn see(&mut self, roster: &Roster, selection: &Selection, now: Instant) {
        let mut before = std::mem::take(&mut self.clusters);
        for (index, cluster) in roster.model().clusters.iter().enumerate() {
            let mut known = before.remove(&cluster.name).unwrap_or_default();
            if let Some(chosen) = selection.chosen.get(index).filter(|_| selection.has(index)) {
                known.published = Some((chosen.rule, cause(cluster, roster.live(index))));
            }
            self.clusters.insert(cluster.name.clone(), known);
        }
        self.due_at = self.next(now);
    }

    /// What is to be told by now.
    pub fn tell(&mut self, now: Instant) -> Vec<RuleNews> {
        if self.due_at.is_none_or(|at| now < at) {
            return Vec::new();
        }
        let news = self.clusters.iter_mut().filter_map(|(cluster, known)| {
            known.due_at(now).filter(|at| *at <= now)?;
            let (rule, cause) = known.published.clone()?;
            let after =
                known.remarks.last(Subject::Answers).map(|last| now.saturating_duration_since(last.at));
            let remark = Remark {
                subject: Subject::Answers,
                from: known.told().to_owned(),
                to: rule.word().to_owned(),
                cause,
                until: None,
                at: now,
            };
            known.remarks.push(remark.clone());
            Some(RuleNews { cluster: cluster.clone(), rule, remark, after })
        });
        let news = news.collect();
        self.due_at = self.next(now);
        news
    }

    /// When [`Self::tell`] has something to tell.
    pub fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    /// What was told of a cluster lately.
    pub fn remarks(&self, cluster: &str) -> impl Iterator<Item = &Remark> {
        self.clusters.get(cluster).into_iter().flat_map(|known| known.remarks.iter())
    }

    fn next(&self, now: Instant) -> Option<Instant> {
        self.clusters.values().filter_map(|known| known.due_at(now)).min()
    }
}

impl OfCluster {
    /// The word of what was told last; whoever was told nothing takes it that all is well.
    fn told(&self) -> &str {
        self.remarks.last(Subject::Answers).map_or(Rule::Live.word(), |last| &last.to)
    }

    fn due_at(&self, now: Instant) -> Option<Instant> {
        self.published.as_ref().filter(|(rule, _)| rule.word() != self.told())?;
        Some(self.remarks.last(Subject::Answers).map_or(now, |last| last.at + QUIET))
    }
}

/// "1 of 3 servers is live, and min_up is 2".
fn cause(cluster: &Cluster, live: usize) -> String {
    let (count, least) = (cluster.servers.len(), cluster.policy.min_up);
    let live = match live {
        0 => format!("none of {count} servers is live"),
        1 => format!("1 of {count} servers is live"),
        live => format!("{live} of {count} servers are live"),
    };
    if least > 1 { format!("{live}, and min_up is {least}") } else { live }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
