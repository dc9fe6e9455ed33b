//! What is so, as far as the one who makes the faults knows, and which answers that allows.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::lab::{dns::Answer, scene::Scene};

#[cfg(test)]
mod tests;

/// From a server's silent death to the last answer with it, with the default settings (2.8 s), and a second for a busy machine.
const DETECTION: Duration = Duration::from_millis(3800);
/// From the acknowledgement of a drain.
const DRAINING: Duration = Duration::from_millis(100);
/// From a load balancer's answer to the last use of it: its TTL of a second, which caches count whole, and a second for a busy machine.
const CACHED: Duration = Duration::from_secs(3);
/// So long BIND remembers that a look-up failed (`servfail-ttl`).
const FAILED: Duration = Duration::from_secs(1);
/// Broken promises that are told.
const TOLD: usize = 10;

pub(super) struct Truth(Mutex<State>);

struct State {
    servers: Vec<Server>,
    balancers: Vec<Balancer>,
    broken: Vec<String>,
    /// Answers of load balancers that had to know of a dead server.
    judged_dead: u64,
}

struct Server {
    address: Ipv4Addr,
    dead_since: Option<Instant>,
    /// It died, or returned.
    changed: Instant,
    /// The latest query whose answer had it.
    handed_out: Option<Instant>,
}

struct Balancer {
    address: SocketAddr,
    /// Since when its controller probes, undisturbed.
    watches_since: Option<Instant>,
    /// Since when nothing is wrong with its machine's network, which is also that of the server there.
    reached_since: Option<Instant>,
    /// When each server's drain was acknowledged.
    drained: Vec<Option<Instant>>,
    /// The servers that it had to know to be dead when its controller was last disturbed: a program without one and a new
    /// controller go on with that.
    known_dead: Vec<bool>,
}

impl Truth {
    pub(super) fn new(scene: &Scene) -> Self {
        let servers = scene.servers.iter().map(|server| server.address).collect();
        let balancers = scene.load_balancers.iter().map(|balancer| balancer.address).collect();
        Self::of(servers, balancers, Instant::now())
    }

    /// All is well at a time, and nobody is drained.
    fn of(servers: Vec<Ipv4Addr>, balancers: Vec<SocketAddr>, now: Instant) -> Self {
        let drained = vec![None; servers.len()];
        let server = |address| Server { address, dead_since: None, changed: now, handed_out: None };
        let balancer = |address| Balancer {
            address,
            watches_since: Some(now),
            reached_since: Some(now),
            drained: drained.clone(),
            known_dead: vec![false; drained.len()],
        };
        Self(Mutex::new(State {
            servers: servers.into_iter().map(server).collect(),
            balancers: balancers.into_iter().map(balancer).collect(),
            broken: Vec::new(),
            judged_dead: 0,
        }))
    }

    pub(super) fn set_dead(&self, server: usize, dead: bool) {
        let mut state = self.state();
        let now = Instant::now();
        state.servers[server].dead_since = dead.then_some(now);
        state.servers[server].changed = now;
        for balancer in &mut state.balancers {
            balancer.known_dead[server] = false;
        }
    }

    pub(super) fn set_watching(&self, balancer: usize, watches: bool) {
        let mut state = self.state();
        if !watches {
            let now = Instant::now();
            let known =
                (0..state.servers.len()).map(|server| state.is_known_dead(server, balancer, now)).collect();
            state.balancers[balancer].known_dead = known;
        }
        state.balancers[balancer].watches_since = watches.then(Instant::now);
    }

    /// A fault of a load balancer's network: its controller sees nobody, so that all servers are handed out, and nobody reaches the
    /// server on its machine. The other load balancer has to know of the others all the same.
    pub(super) fn set_reached(&self, balancer: usize, reached: bool) {
        let since = reached.then(Instant::now);
        let mut state = self.state();
        state.balancers[balancer].reached_since = since;
        state.balancers[balancer].watches_since = since;
        state.balancers[balancer].known_dead.fill(false);
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
    ///
    /// Who is dead has to be known only where the controller has watched for long enough since. All else holds always: a program
    /// whose controller is gone goes on with what it was told.
    pub(super) fn judge(&self, balancer: usize, asked: Instant, answer: &Answer) -> bool {
        let mut state = self.state();
        let wrong = state.wrong_in(balancer, asked, answer);
        if let Some(wrong) = &wrong {
            let address = state.balancers[balancer].address;
            state.breaks(format!("{address} {wrong}"));
        }
        if (0..state.servers.len()).any(|server| state.is_known_dead(server, balancer, asked)) {
            state.judged_dead += 1;
        }
        for server in state.servers.iter_mut().filter(|server| answer.addresses.contains(&server.address)) {
            server.handed_out = Some(asked);
        }
        wrong.is_none()
    }

    /// Answers of a load balancer that were judged while a server was dead, which it had to know.
    pub(super) fn judged_dead(&self) -> u64 {
        self.state().judged_dead
    }

    /// Whether a viewer whose look-up of an address began at a time may be unable to connect: the server has just died, its machine
    /// was cut off, or it is dead and a load balancer still handed it out. Whether that was right is judged where it is asked.
    pub(super) fn may_be_dead(&self, address: Ipv4Addr, began: Instant) -> bool {
        let is_new = |since: Instant| since.elapsed() < 2 * DETECTION;
        let state = self.state();
        let Some(index) = state.servers.iter().position(|server| server.address == address) else {
            return false;
        };
        let server = &state.servers[index];
        // The first servers are on the load balancers' machines.
        let machine = state.balancers.get(index);
        let cut_off = machine.is_some_and(|machine| machine.reached_since.is_none_or(is_new));
        // One that sees nobody hands out all for a moment, which who asks may miss while it waits for an answer.
        let is_told = |since: Instant| since + CACHED > began;
        let blind = state.balancers.iter().any(|balancer| balancer.reached_since.is_none_or(is_told));
        let told = blind || server.handed_out.is_some_and(is_told);
        is_new(server.changed) || cut_off || (server.dead_since.is_some() && told)
    }

    /// Whether a look-up that began at a time may fail: while a load balancer's network is disturbed the DNS server asks the other
    /// one late, and it remembers a failure.
    pub(super) fn may_fail(&self, began: Instant) -> bool {
        let is_new = |since: Instant| since + FAILED > began;
        self.state().balancers.iter().any(|balancer| balancer.reached_since.is_none_or(is_new))
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

    /// What is wrong in a load balancer's answer to a query that was sent at a time.
    fn wrong_in(&self, balancer: usize, asked: Instant, answer: &Answer) -> Option<String> {
        if answer.rcode != 0 {
            return Some(format!("answered with rcode {}", answer.rcode));
        }
        if answer.addresses.is_empty() {
            return Some("answered without addresses".to_owned());
        }
        answer.addresses.iter().find_map(|address| {
            let Some(index) = self.servers.iter().position(|server| server.address == *address) else {
                return Some(format!("handed out {address}, which is no server's"));
            };
            let drained =
                self.balancers[balancer].drained[index].is_some_and(|since| asked > since + DRAINING);
            let dead = self.is_known_dead(index, balancer, asked);
            let what = drained.then_some("drained").or(dead.then_some("dead"))?;
            Some(format!("handed out {address}, which is {what}"))
        })
    }

    /// Whether a load balancer that was asked at a time had to know that a server is dead.
    fn is_known_dead(&self, server: usize, balancer: usize, asked: Instant) -> bool {
        let balancer = &self.balancers[balancer];
        let is_past = |since: Option<Instant>| since.is_some_and(|since| asked > since + DETECTION);
        let watched = is_past(self.servers[server].dead_since) && is_past(balancer.watches_since);
        watched || balancer.known_dead[server]
    }
}
