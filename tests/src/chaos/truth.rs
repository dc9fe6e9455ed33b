//! What is so, as far as the one who makes the faults knows, and which answers that allows.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::lab::scene::Scene;

/// From a server's silent death to the last answer with it, with the default settings (2.8 s), and a second for a busy machine.
const DETECTION: Duration = Duration::from_millis(3800);
/// From the acknowledgement of a drain.
const DRAINING: Duration = Duration::from_millis(100);
/// Broken promises that are told.
const TOLD: usize = 10;

pub(super) struct Truth(Mutex<State>);

struct State {
    servers: Vec<Server>,
    balancers: Vec<Balancer>,
    broken: Vec<String>,
}

struct Server {
    address: Ipv4Addr,
    dead_since: Option<Instant>,
    /// It died, or returned.
    changed: Instant,
}

struct Balancer {
    address: SocketAddr,
    /// Since when its controller probes, undisturbed.
    watches_since: Option<Instant>,
    /// When each server's drain was acknowledged.
    drained: Vec<Option<Instant>>,
}

impl Truth {
    pub(super) fn new(scene: &Scene) -> Self {
        let server = |server: &crate::lab::server::Server| Server {
            address: server.address,
            dead_since: None,
            changed: Instant::now(),
        };
        let balancer = |balancer: &crate::lab::loadbalancer::LoadBalancer| Balancer {
            address: balancer.address,
            watches_since: Some(Instant::now()),
            drained: vec![None; scene.servers.len()],
        };
        Self(Mutex::new(State {
            servers: scene.servers.iter().map(server).collect(),
            balancers: scene.load_balancers.iter().map(balancer).collect(),
            broken: Vec::new(),
        }))
    }

    pub(super) fn set_dead(&self, server: usize, dead: bool) {
        let mut state = self.state();
        let now = Instant::now();
        state.servers[server].dead_since = dead.then_some(now);
        state.servers[server].changed = now;
    }

    pub(super) fn set_watching(&self, balancer: usize, watches: bool) {
        self.state().balancers[balancer].watches_since = watches.then(Instant::now);
    }

    pub(super) fn set_drained(&self, balancer: usize, server: usize, drained: bool) {
        self.state().balancers[balancer].drained[server] = drained.then(Instant::now);
    }

    pub(super) fn is_drained(&self, balancer: usize, server: usize) -> bool {
        self.state().balancers[balancer].drained[server].is_some()
    }

    pub(super) fn is_dead(&self, server: usize) -> bool {
        self.state().servers[server].dead_since.is_some()
    }

    /// Judges a load balancer's answer to a query that was sent at a time; false where it is wrong.
    pub(super) fn judge(&self, balancer: SocketAddr, asked: Instant, answer: &[Ipv4Addr]) -> bool {
        let mut state = self.state();
        let Some(teller) = state.balancers.iter().find(|teller| teller.address == balancer) else {
            return true;
        };
        let Some(watches_since) = teller.watches_since else { return true };
        let is_past = |since: Option<Instant>, limit: Duration| {
            since.is_some_and(|since| asked > since + limit && asked > watches_since + DETECTION)
        };
        let wrong = state.servers.iter().zip(&teller.drained).find_map(|(server, drained)| {
            let told = answer.contains(&server.address);
            let dead = is_past(server.dead_since, DETECTION).then_some("dead");
            let what = dead.or(is_past(*drained, DRAINING).then_some("drained"));
            what.filter(|_| told)
                .map(|what| format!("{balancer} handed out {}, which is {what}", server.address))
        });
        let is_right = wrong.is_none() && !answer.is_empty();
        if let Some(wrong) = wrong.or((!is_right).then(|| format!("{balancer} answered without addresses"))) {
            state.breaks(wrong);
        }
        is_right
    }

    /// Whether a viewer that was told of an address just now may find it dead: caches hold an answer for its TTL, which counts
    /// whole seconds.
    pub(super) fn may_be_dead(&self, address: Ipv4Addr) -> bool {
        let state = self.state();
        let server = state.servers.iter().find(|server| server.address == address);
        let disturbed = state
            .balancers
            .iter()
            .any(|balancer| balancer.watches_since.is_none_or(|since| since.elapsed() < 2 * DETECTION));
        disturbed || server.is_some_and(|server| server.changed.elapsed() < 2 * DETECTION)
    }

    pub(super) fn breaks(&self, what: String) {
        self.state().breaks(what);
    }

    /// The first ones, and how many.
    pub(super) fn broken(&self) -> Vec<String> {
        let state = self.state();
        let more = state.broken.len().saturating_sub(TOLD);
        let told = state.broken.iter().take(TOLD).cloned();
        told.chain((more > 0).then(|| format!("and {more} more"))).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn breaks(&mut self, what: String) {
        self.broken.push(what);
    }
}
