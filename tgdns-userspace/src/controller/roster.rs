//! Who is handed out: every server's health, and what follows from it for the tables. Pure.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use crate::{
    admin::{AdminState, Admins, Said},
    cluster::{Cluster, Model, Probe, Server},
    health::{Change, Health, Outcome, ServerHealth},
    netlink::ServiceAddress,
    probe::Target,
    selection::{self, Candidate, Chosen, last::Last},
    ttl,
};

/// The servers of a configuration with what is known about them.
#[derive(Debug)]
pub struct Roster {
    model: Model,
    /// When the controller started.
    started: Instant,
    /// From when on clusters without a verdict are waited for.
    begun: Instant,
    /// By cluster: who is handed out is known without waiting.
    settled: Vec<bool>,
    /// By cluster: clients are answered already, so it is not to be missing in the tables.
    served: Vec<bool>,
    /// By cluster and server, as in the model.
    health: Vec<Vec<ServerHealth>>,
    /// What is probed, by cluster and server.
    targets: Vec<Vec<Target>>,
    places: HashMap<Target, (usize, usize)>,
    next_target: u64,
    admins: Admins,
    /// What the admins come to, by cluster and server.
    states: Vec<Vec<AdminState>>,
    /// From then on they come to something else, in seconds since 1970; none while nothing ends by itself.
    states_end: Option<u64>,
    /// None until the interfaces have told.
    services: Option<BTreeSet<ServiceAddress>>,
    published: Option<Selection>,
    /// By cluster, in seconds.
    ttls: Vec<u32>,
    /// When the TTLs are to be worked out again.
    ttls_until: Instant,
    /// Whatever the tables say, it is another configuration's or another run's.
    is_renewed: bool,
    /// Whether anything happened since the last publication that it may depend on.
    touched: bool,
    last: Last,
    /// When a server's weight rises.
    rises_at: Option<Instant>,
}

/// What one publication hands out, and on which addresses of this host the fast path answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// By cluster, as in the model; nobody of a cluster that is not in the tables yet.
    pub chosen: Vec<Chosen>,
    pub services: BTreeSet<ServiceAddress>,
    /// Of the clusters' zones: each grows with every change of what its cluster hands out. None of a cluster that is not in
    /// the tables yet.
    pub serials: Vec<Option<u32>>,
    /// Of the clusters' addresses, in seconds.
    pub ttls: Vec<u32>,
}

impl Selection {
    pub fn includes(&self, cluster: usize, server: usize) -> bool {
        self.chosen.get(cluster).is_some_and(|chosen| chosen.includes(server))
    }

    /// Whether a cluster is in the tables.
    pub fn has(&self, cluster: usize) -> bool {
        self.serials.get(cluster).is_some_and(Option::is_some)
    }

    /// Whether all clusters are.
    pub fn is_complete(&self) -> bool {
        self.serials.iter().all(Option::is_some)
    }

    /// What follows on `before`. A new serial is the time, which grows over restarts, or one more than the last.
    fn following(
        before: Option<&Self>,
        chosen: Vec<Option<Chosen>>,
        services: BTreeSet<ServiceAddress>,
        ttls: Vec<u32>,
        unix_seconds: u32,
    ) -> Self {
        let serial = |(cluster, chosen): (usize, &Option<Chosen>)| {
            let chosen = chosen.as_ref()?;
            let last = before.and_then(|before| before.serials.get(cluster).copied().flatten());
            let known = before.and_then(|before| before.chosen.get(cluster));
            let is_same = known.is_some_and(|known| known.is_alike(chosen));
            Some(last.map_or(unix_seconds, |last| {
                if is_same { last } else { unix_seconds.max(last.wrapping_add(1)) }
            }))
        };
        let serials = chosen.iter().enumerate().map(serial).collect();
        let chosen = chosen.into_iter().map(Option::unwrap_or_default).collect();
        Self { chosen, services, serials, ttls }
    }
}

impl Roster {
    /// All servers are unknown at first. Without a fast path there are no services to wait for: pass an empty set.
    pub fn new(
        model: Model,
        admins: Admins,
        services: Option<BTreeSet<ServiceAddress>>,
        now: Instant,
    ) -> Self {
        let unknown = |cluster: &Cluster| {
            cluster.servers.iter().map(|server| ServerHealth::new(cluster.join, server)).collect()
        };
        let health = model.clusters.iter().map(unknown).collect();
        let ready = |cluster: &Cluster| vec![AdminState::Ready; cluster.servers.len()];
        let states = model.clusters.iter().map(ready).collect();
        let mut numbers = (0..).map(Target);
        let targets: Vec<Vec<Target>> = model
            .clusters
            .iter()
            .map(|cluster| numbers.by_ref().take(cluster.servers.len()).collect())
            .collect();
        let places = places(&targets);
        let ttls = model.clusters.iter().map(|cluster| cluster.ttl_min.unwrap_or(cluster.ttl)).collect();
        let clusters = model.clusters.len();
        Self {
            model,
            started: now,
            begun: now,
            settled: vec![false; clusters],
            served: vec![false; clusters],
            health,
            next_target: places.len() as u64,
            targets,
            places,
            admins,
            states,
            states_end: Some(0),
            services,
            published: None,
            ttls,
            ttls_until: now,
            is_renewed: false,
            touched: true,
            last: Last::default(),
            rises_at: None,
        }
    }

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

    /// Takes one outcome of a server's probe; tells the new verdict if this outcome brought it about.
    pub fn observe(
        &mut self,
        cluster: usize,
        server: usize,
        probe: usize,
        outcome: &Outcome,
        now: Instant,
    ) -> Option<Change> {
        let health = self.health.get_mut(cluster)?.get_mut(server)?;
        let before = (health.reported_state(), health.weight(1));
        let change = health.observe(probe, outcome, now);
        self.touched |= change.is_some() || before != (health.reported_state(), health.weight(1));
        change
    }

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

    /// Works out the TTLs that follow the servers' health, at whole seconds of this run: a change that nobody can see coming
    /// is none that they have to tell of sooner.
    pub fn tell_ttls(&mut self, now: Instant, unix_seconds: u64) {
        if now < self.ttls_until {
            return;
        }
        let elapsed = now.saturating_duration_since(self.started).as_secs();
        self.ttls_until = self.started + Duration::from_secs(elapsed) + ttl::PERIOD;
        let in_force = |(cluster, health): (&Cluster, &Vec<ServerHealth>)| {
            let said =
                cluster.servers.iter().filter_map(|server| self.admins.said(&server.name, unix_seconds));
            // The second has begun already.
            let ends = said.filter_map(|said| said.until).map(|until| until.saturating_sub(unix_seconds + 1));
            ttl::in_force(cluster, health, ends.min().map(Duration::from_secs), now)
        };
        self.ttls = self.model.clusters.iter().zip(&self.health).map(in_force).collect();
        self.touched = true;
    }

    /// When [`Self::tell_ttls`] has something to tell.
    pub fn next_ttls_at(&self) -> Option<Instant> {
        self.model.clusters.iter().any(|cluster| cluster.ttl_min.is_some()).then_some(self.ttls_until)
    }

    /// Whether a person wants a server to be handed out, at the time that was told last.
    pub fn state(&self, cluster: usize, server: usize) -> AdminState {
        self.states.get(cluster).and_then(|states| states.get(server)).copied().unwrap_or_default()
    }

    /// What the server itself says of that, by a probe that reports.
    pub fn reported_state(&self, cluster: usize, server: usize) -> AdminState {
        self.health(cluster).get(server).map(ServerHealth::reported_state).unwrap_or_default()
    }

    /// The configured weight after what the server says of itself, in hundredths: 100 where it is 1 and nothing is said.
    pub fn weight(&self, cluster: usize, server: usize) -> u32 {
        let configured = self.model.clusters.get(cluster).and_then(|cluster| cluster.servers.get(server));
        let health = self.health(cluster).get(server);
        configured.zip(health).map_or(0, |(server, health)| health.weight(server.weight))
    }

    /// Health up, admin ready, and nothing to the contrary from the server itself: may be handed out.
    pub fn is_live(&self, cluster: usize, server: usize) -> bool {
        let health = self.health(cluster).get(server).map(ServerHealth::health);
        health == Some(Health::Up)
            && self.state(cluster, server) == AdminState::Ready
            && self.reported_state(cluster, server) == AdminState::Ready
    }

    /// How many servers of a cluster are.
    pub fn live(&self, cluster: usize) -> usize {
        (0..self.health(cluster).len()).filter(|server| self.is_live(cluster, *server)).count()
    }

    pub fn admins(&self) -> &Admins {
        &self.admins
    }

    pub fn set_services(&mut self, services: BTreeSet<ServiceAddress>) {
        self.services = Some(services);
        self.touched = true;
    }

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
        let chosen: Vec<Option<Chosen>> = clusters
            .map(|cluster| self.is_cluster_ready(cluster, now).then(|| self.choose(cluster, now)))
            .collect();
        if chosen.iter().all(Option::is_none) {
            return None;
        }
        let rises_at = self.next_rise(now);
        let published = self.published.as_ref();
        let selection =
            Selection::following(published, chosen, self.services.clone()?, self.ttls.clone(), unix_seconds);
        self.rises_at = rises_at;
        self.touched = self.is_renewed || published != Some(&selection);
        self.touched.then_some(selection)
    }

    /// Whether no cluster that clients are answered for lacks a verdict.
    pub fn is_ready(&self, now: Instant) -> bool {
        let mut served = self.served.iter().enumerate().filter(|(_, served)| **served);
        served.all(|(cluster, _)| self.is_cluster_ready(cluster, now))
    }

    /// When something becomes due by the mere passing of time.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        self.services.as_ref()?;
        let clusters = self.model.clusters.iter().enumerate();
        let waiting = clusters.filter(|(cluster, _)| !self.is_cluster_ready(*cluster, now));
        let rounds = waiting.map(|(_, cluster)| self.begun + first_round(cluster));
        rounds.chain(self.rises_at).min()
    }

    /// To be called when what was due is in the tables.
    pub fn set_published(&mut self, selection: Selection) {
        for (cluster, (settled, served)) in self.settled.iter_mut().zip(&mut self.served).enumerate() {
            *settled |= selection.has(cluster);
            *served |= selection.has(cluster);
        }
        self.is_renewed = false;
        self.last.see(&self.model, &selection.chosen);
        self.published = Some(selection);
        self.touched = false;
    }

    pub fn published(&self) -> Option<&Selection> {
        self.published.as_ref()
    }

    pub fn model(&self) -> &Model {
        &self.model
    }

    pub fn started(&self) -> Instant {
        self.started
    }

    pub fn services(&self) -> impl Iterator<Item = &ServiceAddress> {
        self.services.iter().flatten()
    }

    /// The servers of a cluster, in the model's order.
    pub fn health(&self, cluster: usize) -> &[ServerHealth] {
        self.health.get(cluster).map_or(&[], Vec::as_slice)
    }

    fn choose(&self, cluster: usize, now: Instant) -> Chosen {
        let Some(of) = self.model.clusters.get(cluster) else {
            return Chosen::default();
        };
        let servers = of.servers.iter().zip(self.health(cluster)).enumerate();
        let candidates = servers.map(|(index, (server, health))| Candidate {
            is_up: health.health() == Health::Up,
            admin: self.state(cluster, index),
            reported: self.reported_state(cluster, index),
            weight: self.weight(cluster, index),
            tier: server.tier,
            recovered: recovered_at(health).map(|at| self.whole_seconds(now).saturating_duration_since(at)),
        });
        let last = self.last.servers(of);
        selection::choose(&of.policy, &candidates.collect::<Vec<_>>(), last.as_deref())
    }

    /// Weights rise at whole seconds only, so that however many servers recover, that is published once a second at most.
    fn whole_seconds(&self, now: Instant) -> Instant {
        self.started + Duration::from_secs(now.saturating_duration_since(self.started).as_secs())
    }

    fn next_rise(&self, now: Instant) -> Option<Instant> {
        let now = self.whole_seconds(now);
        let clusters = self.model.clusters.iter().zip(&self.health);
        let rises = clusters.filter_map(|(cluster, health)| Some((cluster.policy.slow_start?, health)));
        rises
            .flat_map(|(time, health)| health.iter().filter_map(recovered_at).map(move |at| (time, at)))
            .filter_map(|(time, at)| {
                let age = now.saturating_duration_since(at);
                let rise = at + age + selection::next_rise(Some(time), Some(age))?;
                Some(self.whole_seconds(rise + Duration::from_nanos(999_999_999)))
            })
            .min()
    }

    /// Whether it is known who is handed out, or is not to be waited for any longer.
    fn is_cluster_ready(&self, cluster: usize, now: Instant) -> bool {
        let settled = self.settled.get(cluster).is_some_and(|settled| *settled);
        let end = self.model.clusters.get(cluster).map(|cluster| self.begun + first_round(cluster));
        settled || self.is_decided(cluster) || end.is_none_or(|end| end <= now)
    }

    /// Every server has its verdict, a probe's or a person's. One live server would be enough to answer with, but it would
    /// take the place of the full answer that a predecessor left in the maps.
    fn is_decided(&self, cluster: usize) -> bool {
        self.health(cluster).iter().enumerate().all(|(server, health)| {
            health.health() != Health::Unknown || self.state(cluster, server) == AdminState::Maint
        })
    }
}

fn places(targets: &[Vec<Target>]) -> HashMap<Target, (usize, usize)> {
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

/// Nobody waits longer for a first verdict, however patient the probes are.
const LONGEST_ROUND: Duration = Duration::from_secs(10);
/// When a server came back that had been up or down before; the first verdict of a run tells of no recovery.
fn recovered_at(health: &ServerHealth) -> Option<Instant> {
    let change = health.last_change().filter(|change| change.to == Health::Up)?;
    (health.changes().count() > 1).then_some(change.at)
}

/// The time that a server of the cluster needs at most for its first verdict.
fn first_round(cluster: &Cluster) -> Duration {
    let probes = cluster.servers.iter().flat_map(|server| &server.probes);
    probes.map(first_verdict).max().unwrap_or_default().min(LONGEST_ROUND)
}

/// The same of a probe, whether its rounds follow each other by the fast interval or, where that is shorter, by the timeout.
fn first_verdict(probe: &Probe) -> Duration {
    let following = probe.fast_interval.saturating_mul(probe.rise.max(probe.fall) - 1);
    probe.timeout.saturating_mul(probe.fall).max(probe.timeout.saturating_add(following))
}

mod last_run;
mod succession;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
