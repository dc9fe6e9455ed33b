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
    controller::roster::Roster,
    last_run::file::Memory,
    remark::{Remark, Remarks, Subject},
    selection::{Chosen, Rule, Selection},
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
    whole: Told,
    /// Of the views that are shown some of its servers and not others, by name: where none of those is live, their clients are
    /// answered by another rule.
    views: BTreeMap<String, Told>,
}

#[derive(Clone, Debug, Default)]
struct Told {
    /// What is published, once something is, and why.
    published: Option<(Rule, String)>,
    /// What was told.
    remarks: Remarks,
}

/// One change that is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleNews {
    pub cluster: String,
    /// Where it is about the clients of one view.
    pub view: Option<String>,
    pub rule: Rule,
    pub remark: Remark,
    /// For how long it was what it was before, where that is known.
    pub after: Option<Duration>,
}

impl Rules {
    /// As the last run has told, at `now`, which the clock calls `wall` (in milliseconds since 1970).
    pub fn recalled(model: &Model, file: &Memory, now: Instant, wall: u64) -> Self {
        let of_cluster = |cluster: &Cluster| {
            let told = |view| Told { published: None, remarks: file.answers(&cluster.name, view, now, wall) };
            let views = model.views.iter().map(|view| (view.name.clone(), told(Some(&view.name))));
            (cluster.name.clone(), OfCluster { whole: told(None), views: views.collect() })
        };
        Self { clusters: model.clusters.iter().map(of_cluster).collect(), due_at: None }
    }

    /// Takes in what is published, to be called before the roster knows that it is; of clusters and views that are no more nothing
    /// is kept.
    pub fn see(&mut self, roster: &Roster, selection: &Selection, now: Instant) {
        let clusters = &roster.model().clusters;
        let mut changed = Vec::new();
        for index in selection.changed_since(roster.published()) {
            let Some(cluster) = clusters.get(index) else { continue };
            let mut known = self.clusters.remove(&cluster.name).unwrap_or_default();
            if let Some(chosen) = selection.chosen.get(index).filter(|_| selection.has(index)) {
                known.see(roster, (index, cluster), chosen);
            }
            changed.push((cluster.name.clone(), known));
        }
        // Of another configuration all are chosen anew.
        if changed.len() == clusters.len() {
            self.clusters.clear();
        }
        self.clusters.extend(changed);
        self.due_at = self.next(now);
    }

    /// What is to be told by now.
    pub fn tell(&mut self, now: Instant) -> Vec<RuleNews> {
        if self.due_at.is_none_or(|at| now < at) {
            return Vec::new();
        }
        let news = self.clusters.iter_mut().flat_map(|(cluster, known)| known.tell(cluster, now));
        let news = news.collect();
        self.due_at = self.next(now);
        news
    }

    /// When [`Self::tell`] has something to tell.
    pub fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    /// What was told of a cluster lately, and of which view's clients, where it is about those alone.
    pub fn remarks(&self, cluster: &str) -> impl Iterator<Item = (Option<&str>, &Remark)> {
        let told = self.clusters.get(cluster).into_iter().flat_map(|known| {
            let views = known.views.iter().map(|(view, told)| (Some(view.as_str()), told));
            std::iter::once((None, &known.whole)).chain(views)
        });
        told.flat_map(|(view, told)| told.remarks.iter().map(move |remark| (view, remark)))
    }

    fn next(&self, now: Instant) -> Option<Instant> {
        self.clusters.values().filter_map(|known| known.due_at(now)).min()
    }
}

impl OfCluster {
    fn see(&mut self, roster: &Roster, (index, cluster): (usize, &Cluster), chosen: &Chosen) {
        let all: Vec<usize> = (0..cluster.servers.len()).collect();
        let live = |of: &[usize]| of.iter().filter(|server| roster.is_live(index, **server)).count();
        let least = match cluster.policy.min_up {
            0 | 1 => String::new(),
            least => format!(", and min_up is {least}"),
        };
        let cause = format!("{}{least}", count(live(&all), all.len(), "servers"));
        self.whole.published = Some((chosen.rule, cause));
        let mut before = std::mem::take(&mut self.views);
        let model = roster.model();
        let is_alarmed = |told: &Told| told.word() != Rule::Live.word();
        let matters = cluster.hides_servers() || before.values().any(is_alarmed);
        for view in model.view_identifiers().filter(|_| matters) {
            let is_shown = |server: &usize| {
                cluster.servers.get(*server).is_some_and(|server| !server.handed_out(view).is_empty())
            };
            let shown: Vec<usize> = all.iter().copied().filter(is_shown).collect();
            let name = model.view_name(view);
            let mut told = before.remove(name).unwrap_or_default();
            // What another configuration was told of is ended.
            if (shown.is_empty() || shown.len() == all.len()) && !is_alarmed(&told) {
                continue;
            }
            let of = format!("servers that view {name} is shown");
            told.published = Some((chosen.in_view(view).rule, count(live(&shown), shown.len(), &of)));
            self.views.insert(name.to_owned(), told);
        }
    }

    fn tell(&mut self, cluster: &str, now: Instant) -> Vec<RuleNews> {
        let whole = self.whole.rule();
        let is_due = |of: &Told, whole| of.due_at(whole, now).is_some_and(|at| at <= now);
        let mut news = Vec::new();
        let views = self.views.iter_mut().map(|(view, told)| (Some(view), told, whole));
        for (view, told, whole) in std::iter::once((None, &mut self.whole, None)).chain(views) {
            if is_due(told, whole)
                && let Some((rule, remark, after)) = told.tell(now)
            {
                let (cluster, view) = (cluster.to_owned(), view.cloned());
                news.push(RuleNews { cluster, view, rule, remark, after });
            }
        }
        news
    }

    fn due_at(&self, now: Instant) -> Option<Instant> {
        let whole = self.whole.rule();
        let views = self.views.values().filter_map(|told| told.due_at(whole, now));
        views.chain(self.whole.due_at(None, now)).min()
    }
}

impl Told {
    fn rule(&self) -> Option<Rule> {
        self.published.as_ref().map(|(rule, _)| *rule)
    }

    /// The word of what was told last; whoever was told nothing takes it that all is well.
    fn word(&self) -> &str {
        self.remarks.last(Subject::Answers).map_or(Rule::Live.word(), |last| &last.to)
    }

    /// Of a view, `whole` is the cluster's rule: what is told of the cluster is not told of its views once more.
    fn due_at(&self, whole: Option<Rule>, now: Instant) -> Option<Instant> {
        let rule = self.rule()?;
        let is_the_cluster_s = self.word() == Rule::Live.word() && whole.is_some_and(|whole| whole == rule);
        let is_due = rule.word() != self.word() && !is_the_cluster_s;
        is_due.then(|| self.remarks.last(Subject::Answers).map_or(now, |last| last.at + QUIET))
    }

    fn tell(&mut self, now: Instant) -> Option<(Rule, Remark, Option<Duration>)> {
        let (rule, cause) = self.published.clone()?;
        let after = self.remarks.last(Subject::Answers).map(|last| now.saturating_duration_since(last.at));
        let remark = Remark {
            subject: Subject::Answers,
            from: self.word().to_owned(),
            to: rule.word().to_owned(),
            cause,
            until: None,
            at: now,
        };
        self.remarks.push(remark.clone());
        Some((rule, remark, after))
    }
}

/// "1 of 3 servers is live".
fn count(live: usize, all: usize, of: &str) -> String {
    match live {
        0 => format!("none of {all} {of} is live"),
        1 => format!("1 of {all} {of} is live"),
        live => format!("{live} of {all} {of} are live"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
