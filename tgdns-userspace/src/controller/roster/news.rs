//! What changed of servers and people are to be told: whether one is handed out, and why, follows from it.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use super::Roster;
use crate::{
    admin::AdminState,
    cluster::Occasion,
    health::{Change, Health, Outcome, ServerHealth},
    probe::Target,
    remark::{NOT_PROBED, PROBED, Remark, Remarks, Subject},
};

/// One change of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    pub target: Target,
    pub cluster: String,
    pub server: String,
    pub address: IpAddr,
    pub what: What,
    /// For how long it was what it was before, where that is known.
    pub after: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Verdict(Change),
    Remark(Remark),
}

/// How a weight is told that takes a server out.
const NO_WEIGHT: &str = "0";

/// What a server says of itself, as far as it decides whether it is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OwnWord {
    state: AdminState,
    /// In hundredths.
    weight: u32,
}

impl Roster {
    /// What has changed since this was asked last, the oldest first.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// What was said of a server lately.
    pub fn remarks(&self, cluster: usize, server: usize) -> Option<&Remarks> {
        self.remarks.get(cluster).and_then(|remarks| remarks.get(server))
    }

    pub(super) fn tell(&mut self, place: (usize, usize), what: What, after: Option<Duration>) {
        let (cluster, server) = place;
        if let What::Remark(remark) = &what
            && let Some(remarks) = self.remarks.get_mut(cluster).and_then(|remarks| remarks.get_mut(server))
        {
            remarks.push(remark.clone());
        }
        let Some(target) = self.target(cluster, server) else { return };
        let Some(cluster) = self.model.clusters.get(cluster) else { return };
        let Some(server) = cluster.servers.get(server) else { return };
        self.news.push(News {
            target,
            cluster: cluster.name.clone(),
            server: server.name.clone(),
            address: server.address,
            what,
            after,
        });
    }

    /// A new verdict on a server, which the one before had held since then.
    pub(super) fn tell_verdict(&mut self, place: (usize, usize), change: Change, since: Option<Instant>) {
        let after = since.map(|since| change.at.saturating_duration_since(since));
        self.tell(place, What::Verdict(change), after);
    }

    pub(super) fn own_word(&self, (cluster, server): (usize, usize)) -> OwnWord {
        OwnWord { state: self.reported_state(cluster, server), weight: self.weight(cluster, server) }
    }

    /// The same as people were told last. A weight that is not 0 is told with the loads' next change to it only.
    pub(super) fn told_word(&self, place: (usize, usize)) -> OwnWord {
        let last = |subject| self.remarks(place.0, place.1).and_then(|remarks| remarks.last(subject));
        let state = last(Subject::Reported).map(Remark::state).unwrap_or_default();
        let weight = match last(Subject::Weight) {
            Some(told) if told.to == NO_WEIGHT => 0,
            _ => self.own_word(place).weight,
        };
        OwnWord { state, weight }
    }

    /// What differs from what the server said of itself before.
    pub(super) fn tell_own_word(
        &mut self,
        place: (usize, usize),
        before: OwnWord,
        cause: &str,
        now: Instant,
    ) {
        let after = self.own_word(place);
        let remark = |subject, from: String, to: String| Remark {
            subject,
            from,
            to,
            cause: cause.to_owned(),
            until: None,
            at: now,
        };
        if before.state != after.state {
            let (from, to) = (before.state.to_string(), after.state.to_string());
            self.remark(place, remark(Subject::Reported, from, to));
        }
        // Loads change all the time: what counts is whether it is handed out at all.
        if (before.weight == 0) != (after.weight == 0) {
            let [from, to] = [before, after].map(|word| (f64::from(word.weight) / 100.0).to_string());
            self.remark(place, remark(Subject::Weight, from, to));
        }
    }

    /// A probe cannot be run, and why. Each cause is told once for as long as the server is not probed, over restarts and
    /// reloads, too.
    pub(super) fn tell_not_probed(&mut self, place: (usize, usize), probe: usize, cause: &str, now: Instant) {
        let (cluster, server) = place;
        let Some(health) = self.health(cluster).get(server) else { return };
        let cause = health.named(probe, cause);
        let told = || self.remarks(cluster, server).into_iter().flat_map(Remarks::impediments);
        let from = told().next().map_or(PROBED, |_| NOT_PROBED);
        if !told().any(|told| told.cause == cause) {
            self.remark(place, probing(from, NOT_PROBED, cause, now));
        }
    }

    /// Ends what was told of a server that could not be probed, once all its probes have been run. What was said last
    /// counts, not what is known of the probes: another run or another configuration begins with fresh ones.
    pub(super) fn tell_probed(&mut self, place @ (cluster, server): (usize, usize), now: Instant) {
        let was_impeded =
            self.remarks(cluster, server).is_some_and(|said| said.impediments().next().is_some());
        if was_impeded && self.health(cluster).get(server).is_some_and(ServerHealth::is_probed) {
            self.remark(place, probing(NOT_PROBED, PROBED, "this host can probe it again".to_owned(), now));
        }
    }

    /// The server must prove itself anew, and what it said of itself is worth nothing any more.
    pub(super) fn forget_own_word(
        &mut self,
        place @ (cluster, server): (usize, usize),
        word: OwnWord,
        cause: &str,
        now: Instant,
    ) {
        let health = self.health.get_mut(cluster).and_then(|servers| servers.get_mut(server));
        let Some(health) = health else { return };
        let since = health.last_change().map(|change| change.at);
        if let Some(change) = health.doubt(cause, now) {
            self.tell_verdict(place, change, since);
        }
        self.tell_own_word(place, word, cause, now);
    }

    /// Tells a remark; what was said before held since the last change of the same subject.
    pub(super) fn remark(&mut self, place: (usize, usize), remark: Remark) {
        let last = self.remarks(place.0, place.1).and_then(|remarks| remarks.last_change(remark.subject));
        let after = last.map(|last| remark.at.saturating_duration_since(last.at));
        self.tell(place, What::Remark(remark), after);
    }
}

fn probing(from: &str, to: &str, cause: String, now: Instant) -> Remark {
    let (from, to) = (from.to_owned(), to.to_owned());
    Remark { subject: Subject::Probing, from, to, cause, until: None, at: now }
}

/// What a server says in an outcome, for people: "it says drain (for the night)".
pub(super) fn own_words(health: &ServerHealth, probe: usize, outcome: &Outcome) -> String {
    let report = outcome.report();
    let said = report.state.map_or_else(|| "another weight".to_owned(), |state| state.to_string());
    let why = report.description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default();
    health.named(probe, &format!("it says {said}{why}"))
}

impl News {
    /// Whether people said it, who say it of a server whatever its probes.
    pub fn is_of_people(&self) -> bool {
        matches!(&self.what, What::Remark(remark) if remark.subject == Subject::Admin)
    }

    /// What hooks are told it as.
    pub fn occasion(&self) -> Occasion {
        match &self.what {
            What::Verdict(change) => match change.to {
                Health::Up => Occasion::Up,
                Health::Down => Occasion::Down,
                Health::Unknown => Occasion::Unknown,
            },
            What::Remark(remark) => match (remark.subject, remark.to.as_str()) {
                (Subject::Admin, "drain") => Occasion::Drain,
                (Subject::Admin, "maint") => Occasion::Maint,
                (Subject::Admin, _) => Occasion::Ready,
                (Subject::Reported, _) => Occasion::Reported,
                (Subject::Weight, _) => Occasion::Weight,
                (Subject::Probing, _) => Occasion::Probing,
                (Subject::Answers, _) => Occasion::Answers,
            },
        }
    }
}
