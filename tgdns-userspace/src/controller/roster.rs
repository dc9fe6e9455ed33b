//! Who is handed out: every server's health, and what follows from it for the tables. Pure.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Instant,
};

use crate::{
    admin::{AdminState, Admins},
    cluster::{Cluster, Model},
    health::{Outcome, ServerHealth},
    netlink::ServiceAddress,
    probe::Target,
    publish::Basis,
    remark::Remarks,
    selection::{Selection, last::Last},
};
pub use news::{News, What};
use targets::places;

mod admins;
mod choice;
mod last_run;
mod news;
mod publication;
mod readiness;
mod succession;
mod targets;
mod ttls;

/// The servers of a configuration with what is known about them. A copy takes a fraction of what its status takes.
#[derive(Clone, Debug)]
pub struct Roster {
    model: Arc<Model>,
    /// The model's.
    basis: Arc<Basis>,
    /// When the controller started.
    started: Instant,
    /// From when on clusters without a verdict are waited for.
    begun: Instant,
    /// By cluster, until when.
    round_ends: Vec<Instant>,
    /// By cluster: who is handed out is known without waiting.
    settled: Vec<bool>,
    /// By cluster: clients are answered already, so it is not to be missing in the tables.
    served: Vec<bool>,
    /// By cluster and server, as in the model.
    health: Vec<Vec<ServerHealth>>,
    /// What is said of them beside that, by cluster and server.
    remarks: Vec<Vec<Remarks>>,
    /// What people have not been told yet.
    news: Vec<News>,
    /// What is probed, by cluster and server.
    targets: Vec<Vec<Target>>,
    places: HashMap<Target, (usize, usize)>,
    next_target: u64,
    admins: Admins,
    /// Those before, until their end is told.
    former_admins: Option<Admins>,
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
    /// Of which clusters' servers something did, so that others may be handed out: they are chosen anew with what is due next.
    stirred: BTreeSet<usize>,
    last: Last,
    /// When a server's weight rises.
    rises_at: Option<Instant>,
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
        let remarks =
            model.clusters.iter().map(|cluster| vec![Remarks::default(); cluster.servers.len()]).collect();
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
        let round_ends = model.clusters.iter().map(|cluster| now + readiness::first_round(cluster)).collect();
        Self {
            basis: Arc::new(Basis::new(&model)),
            round_ends,
            model: Arc::new(model),
            started: now,
            begun: now,
            settled: vec![false; clusters],
            served: vec![false; clusters],
            health,
            remarks,
            news: Vec::new(),
            next_target: places.len() as u64,
            targets,
            places,
            admins,
            former_admins: None,
            states,
            states_end: Some(0),
            services,
            published: None,
            ttls,
            ttls_until: now,
            is_renewed: false,
            touched: true,
            stirred: BTreeSet::new(),
            last: Last::default(),
            rises_at: None,
        }
    }

    /// Takes one outcome of a server's probe. What it changes is told by [`Self::take_news`].
    pub fn observe(&mut self, cluster: usize, server: usize, probe: usize, outcome: &Outcome, now: Instant) {
        let place = (cluster, server);
        let before = self.own_word(place);
        let health = self.health.get_mut(cluster).and_then(|servers| servers.get_mut(server));
        let Some(health) = health else { return };
        let since = health.last_change().map(|change| change.at);
        let change = health.observe(probe, outcome, now);
        let after = self.own_word(place);
        if change.is_some() || before != after {
            self.stir(cluster);
        }
        if let Some(change) = change {
            self.tell_verdict(place, change, since);
        }
        self.tell_probed(place, now);
        if before != after {
            let words =
                self.health(cluster).get(server).map(|health| news::own_words(health, probe, outcome));
            self.tell_own_word(place, before, &words.unwrap_or_default(), now);
        }
    }

    /// Others of this cluster may have to be handed out from now on.
    fn stir(&mut self, cluster: usize) {
        self.touched = true;
        self.stirred.insert(cluster);
    }

    /// This host could not probe a server: what is known of it stays, and that it is not probed is told.
    pub fn impede(&mut self, cluster: usize, server: usize, probe: usize, cause: &str, now: Instant) {
        let health = self.health.get_mut(cluster).and_then(|servers| servers.get_mut(server));
        if health.is_some_and(|health| health.impede(probe, cause, now)) {
            self.tell_not_probed((cluster, server), probe, cause, now);
        }
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

    /// Whether a server may be handed out.
    pub fn is_live(&self, cluster: usize, server: usize) -> bool {
        self.candidate(cluster, server).is_some_and(|candidate| candidate.is_live())
    }

    /// How many servers of a cluster are.
    pub fn live(&self, cluster: usize) -> usize {
        (0..self.health(cluster).len()).filter(|server| self.is_live(cluster, *server)).count()
    }

    pub fn set_services(&mut self, services: BTreeSet<ServiceAddress>) {
        self.services = Some(services);
        self.touched = true;
    }

    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Whether it has a server of this name in the cluster of that name.
    pub fn has_server(&self, cluster: &str, server: &str) -> bool {
        let clusters = self.model.clusters.iter().filter(|of| of.name == cluster);
        clusters.flat_map(|of| &of.servers).any(|of| of.name == server)
    }

    /// What all publications of the model have in common.
    pub fn basis(&self) -> &Arc<Basis> {
        &self.basis
    }

    /// Who was handed out last because of being live.
    pub fn last(&self) -> &Last {
        &self.last
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
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
