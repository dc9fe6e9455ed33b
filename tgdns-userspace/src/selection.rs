//! Who is handed out, and with what weight: pure.
//!
//! ```text
//! health, admin state, weight, tier -> live -> tiers -> weights of those who are handed out
//!                                        \-- too few: what the policy has for that
//! ```

pub mod last;
pub mod shares;
pub mod views;
mod whole;

use std::{collections::BTreeMap, time::Duration};

use crate::{
    admin::AdminState,
    cluster::{AllDown, Cluster, Policy},
};
pub use whole::Selection;

/// What is known of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub is_up: bool,
    pub admin: AdminState,
    /// What it says of that itself.
    pub reported: AdminState,
    /// In parts of `FULL`; 0 for a server that is to be handed out no more.
    pub weight: u32,
    pub tier: u8,
    /// How long ago it recovered, where it ever did.
    pub recovered: Option<Duration>,
}

/// What a cluster's name is answered with; nobody unless told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    pub rule: Rule,
    /// By server, in parts of `FULL`; 0 for those who are not handed out.
    pub weights: Vec<u32>,
    /// The same of all who may be handed out whatever their health, in case that nobody knows it any more; empty for all.
    pub everyone: Vec<u32>,
    /// What is chosen otherwise for the clients of a view, by its identifier.
    pub in_views: BTreeMap<u32, Self>,
}

/// By which rule that was chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// The live ones.
    #[default]
    Live,
    /// None is live, or too few are: all of them.
    All,
    /// The same: those that were handed out before.
    Last,
    /// The same: no address, but an error.
    Servfail,
    /// The same.
    Refused,
    /// The same: no address.
    NoData,
    /// The same: addresses of others.
    Addresses,
}

impl Rule {
    /// As `tgdns status --json` has it, and hooks are told it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::All => "all",
            Self::Last => "last",
            Self::Servfail => "servfail",
            Self::Refused => "refused",
            Self::NoData => "nodata",
            Self::Addresses => "addresses",
        }
    }

    /// What it does, for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "the live ones are handed out",
            Self::All => "all of them are handed out",
            Self::Last => "those of before are handed out",
            Self::Servfail => "the answer is SERVFAIL",
            Self::Refused => "the answer is REFUSED",
            Self::NoData => "no address is handed out",
            Self::Addresses => "the addresses of `all_down` are handed out",
        }
    }
}

/// The weight 1, so that a part of it is a whole number.
pub const FULL: u32 = 100;

impl Chosen {
    pub fn new(rule: Rule, weights: Vec<u32>) -> Self {
        Self { rule, weights, everyone: Vec::new(), in_views: BTreeMap::new() }
    }

    /// As the clients of a view are told.
    pub fn in_view(&self, view: u32) -> &Self {
        self.in_views.get(&view).unwrap_or(self)
    }

    /// All who may be handed out to a view's clients whatever their health. Where these are shown none of those, as others are
    /// preferred or theirs are taken out, it is whoever they are shown.
    pub fn everyone(&self, cluster: &Cluster, view: u32) -> Self {
        let are_shown = |weights: &[u32]| {
            let mut servers = cluster.servers.iter().zip(weights);
            servers.any(|(server, weight)| *weight != 0 && !server.handed_out(view).is_empty())
        };
        let configured = || cluster.servers.iter().map(|server| full_weight(u32::from(server.weight) * FULL));
        let weights = if are_shown(&self.everyone) { self.everyone.clone() } else { configured().collect() };
        Self::new(Rule::All, weights)
    }

    pub fn includes(&self, server: usize) -> bool {
        self.weights.get(server).is_some_and(|weight| *weight != 0)
    }

    /// Whether two hand out the same, shares aside.
    pub fn is_alike(&self, other: &Self) -> bool {
        let included =
            |chosen: &Self| -> Vec<bool> { chosen.weights.iter().map(|weight| *weight != 0).collect() };
        let views = || self.in_views.iter().zip(&other.in_views);
        self.rule == other.rule
            && included(self) == included(other)
            && self.in_views.len() == other.in_views.len()
            && views().all(|((view, one), (same, other))| view == same && one.is_alike(other))
    }
}

type Rank = (AdminState, AdminState, bool);

const BEST: Rank = (AdminState::Ready, AdminState::Ready, false);

impl Candidate {
    /// Whether it may be handed out.
    pub fn is_live(&self) -> bool {
        self.is_up && self.rank() == BEST
    }

    /// A person's word counts more than a probe's: those who are ready come first, then those who drain, and the rest only
    /// where there is no other. Among them those come first who say nothing to the contrary themselves, and have a weight.
    fn rank(&self) -> Rank {
        (self.admin, self.reported, self.weight == 0)
    }
}

/// Chooses who is handed out; `last` are the servers that were when enough of them were live.
pub fn choose(policy: &Policy, servers: &[Candidate], last: Option<&[bool]>) -> Chosen {
    let live = servers.iter().filter(|server| server.is_live()).count();
    if live >= usize::from(policy.min_up.max(1)) {
        let last_tier = last_tier(policy, servers);
        let weights = servers.iter().map(|server| match server.is_live() && server.tier <= last_tier {
            true => risen(server, policy.slow_start),
            false => 0,
        });
        return Chosen::new(Rule::Live, weights.collect());
    }
    let nobody = || vec![0; servers.len()];
    match &policy.all_down {
        AllDown::All => all(servers),
        AllDown::Last => stale(servers, last).unwrap_or_else(|| all(servers)),
        AllDown::Servfail => Chosen::new(Rule::Servfail, nobody()),
        AllDown::Refused => Chosen::new(Rule::Refused, nobody()),
        AllDown::NoData => Chosen::new(Rule::NoData, nobody()),
        AllDown::Addresses(_) => Chosen::new(Rule::Addresses, nobody()),
    }
}

/// The first tiers that have enough live servers together, by the last one of them.
fn last_tier(policy: &Policy, servers: &[Candidate]) -> u8 {
    let mut tiers: Vec<u8> =
        servers.iter().filter(|server| server.is_live()).map(|server| server.tier).collect();
    tiers.sort_unstable();
    let place = usize::from(policy.spill_below.max(1)) - 1;
    tiers.get(place).or(tiers.last()).copied().unwrap_or(u8::MAX)
}

/// By server, the weights of all who may be handed out whatever their health.
pub fn everyone(servers: &[Candidate]) -> Vec<u32> {
    all(servers).weights
}

/// It may be the probes that fail, and a client that tries in vain loses less than one that is told that there is no address.
fn all(servers: &[Candidate]) -> Chosen {
    let best = servers.iter().map(Candidate::rank).min();
    let weights = servers.iter().map(|server| if Some(server.rank()) == best { unrisen(server) } else { 0 });
    Chosen::new(Rule::All, weights.collect())
}

/// Of those that were handed out before, the ones that a person has not taken out since; nothing where there is none.
fn stale(servers: &[Candidate], last: Option<&[bool]>) -> Option<Chosen> {
    let weights: Vec<u32> = servers
        .iter()
        .zip(last?)
        .map(|(server, was)| match *was && server.rank() == BEST {
            true => unrisen(server),
            false => 0,
        })
        .collect();
    weights.iter().any(|weight| *weight != 0).then(|| Chosen::new(Rule::Last, weights))
}

fn unrisen(server: &Candidate) -> u32 {
    full_weight(server.weight)
}

/// Who is handed out although nobody wants that has the weight 1.
fn full_weight(weight: u32) -> u32 {
    if weight == 0 { FULL } else { weight }
}

/// A server's weight while it rises from a tenth to all of it, in ten steps or in seconds.
fn risen(server: &Candidate, slow_start: Option<Duration>) -> u32 {
    let full = unrisen(server);
    match (slow_start, server.recovered) {
        (Some(time), Some(age)) if age < time => {
            let step = step(time);
            let done = step.as_millis() * (age.as_millis() / step.as_millis());
            let part = u128::from(full) * done / time.as_millis().max(1);
            u32::try_from(part).unwrap_or(full).max(full / 10).max(1)
        }
        _ => full,
    }
}

fn step(time: Duration) -> Duration {
    (time / 10).max(Duration::from_secs(1))
}

/// When the weight of a server that recovered so long ago rises next, from then on; nothing where it has risen.
pub fn next_rise(slow_start: Option<Duration>, recovered: Option<Duration>) -> Option<Duration> {
    let (time, age) = (slow_start?, recovered?);
    let step = step(time);
    let next = step * (u32::try_from(age.as_millis() / step.as_millis()).ok()? + 1);
    (age < time).then(|| next.min(time) - age)
}

#[cfg(test)]
mod tests;
