//! Probing the servers: when to ask, and telling what came of it.
//!
//! Each probe of each server has a task that asks, reports the outcome and waits (`rounds`). Data flows one way, from
//! here to the event loop; what comes back is only the answer to the report: the interval until the next round, which
//! the loop reads off the health that it keeps ([`ProbeHealth::next_interval`](crate::health::ProbeHealth::next_interval)).
//! So health exists once, no task can run ahead of it, and nothing here knows what a verdict is.
//!
//! A kind of probe is one function in a module of its own, from a [`Destination`] and a timeout to an outcome.

use std::{collections::HashMap, io, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    task::{AbortHandle, JoinSet},
};

use crate::{
    child::Hung,
    cluster::{Cluster, Probe, ProbeKind, Server},
    health::Outcome,
    tls::{Client, Roots},
};
pub use destination::Destination;
pub use pace::{Pace, PaceStatus};
use rounds::Rounds;

mod agent;
mod connect;
mod conversation;
mod datagram;
mod deadline;
mod destination;
mod dns;
mod exec;
mod file;
mod http;
pub mod icmp;
mod pace;
mod rounds;
mod tcp;
mod tls;
mod words;

/// A server at its addresses under its probes. No other one in the controller's life has the same number, so what was on
/// its way when the configuration was replaced is never taken for another server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(pub u64);

/// The outcome of one probe, as the event loop gets it; to be answered with the interval until the next one.
#[derive(Debug)]
pub struct Probed {
    pub target: Target,
    /// Index in `Server::probes`.
    pub probe: usize,
    /// Or why this host could not probe, for people, which says nothing of the server.
    pub outcome: Result<Outcome, String>,
    /// When the probe started.
    pub started: std::time::Instant,
    next_interval: oneshot::Sender<Duration>,
}

impl Probed {
    /// Tells the probe's task the interval from the start of one round to the start of the next; without an answer
    /// it is the configured ordinary one.
    pub fn answer(self, next_interval: Duration) {
        // The task is gone when its target was given up meanwhile.
        let _ = self.next_interval.send(next_interval);
    }
}

/// The running probes; dropping them stops them.
#[derive(Debug)]
pub struct Probes {
    outcomes: mpsc::Sender<Probed>,
    pace: Arc<Pace>,
    running: HashMap<Target, Vec<AbortHandle>>,
    tasks: JoinSet<()>,
}

impl Probes {
    pub fn new(outcomes: mpsc::Sender<Probed>, pace: Arc<Pace>) -> Self {
        Self { outcomes, pace, running: HashMap::new(), tasks: JoinSet::new() }
    }

    /// Probes exactly these targets from now on: ends what is no longer wanted, and starts the first round of each new one
    /// at once. What is wanted already goes on undisturbed. Must be called within a runtime.
    pub fn follow<'m>(&mut self, wanted: impl Iterator<Item = (Target, &'m Cluster, &'m Server)>) {
        let mut before = std::mem::take(&mut self.running);
        let roots = Arc::default();
        for (target, cluster, server) in wanted {
            // One that two configurations want is probed once.
            if self.running.contains_key(&target) {
                continue;
            }
            let running =
                before.remove(&target).unwrap_or_else(|| self.start(target, cluster, server, &roots));
            self.running.insert(target, running);
        }
        before.into_values().flatten().for_each(|ended| ended.abort());
        while self.tasks.try_join_next().is_some() {}
    }

    pub fn pace(&self) -> PaceStatus {
        self.pace.status()
    }

    fn start(
        &mut self,
        target: Target,
        cluster: &Cluster,
        server: &Server,
        roots: &Arc<Roots>,
    ) -> Vec<AbortHandle> {
        let rounds = |(index, probe): (usize, &Probe)| Rounds {
            target,
            index,
            destination: Destination::of(cluster, server, probe),
            probe: probe.clone(),
            tls: Client::new(roots.clone()),
            outcomes: self.outcomes.clone(),
            pace: Arc::clone(&self.pace),
        };
        let rounds: Vec<Rounds> = server.probes.iter().enumerate().map(rounds).collect();
        rounds.into_iter().map(|rounds| self.tasks.spawn(rounds.run())).collect()
    }
}

/// Asks once. An error is this host's own fault (no file descriptors, no memory, no such source address, commands that hang)
/// and says nothing about the server.
async fn ask(
    kind: &ProbeKind,
    tls: &Client,
    destination: &Destination,
    timeout: Duration,
    hung: &Hung,
) -> io::Result<Outcome> {
    match kind {
        ProbeKind::Tcp(kind) => tcp::probe(kind, destination, timeout).await,
        ProbeKind::Http(kind) => http::probe(kind, tls, destination, timeout).await,
        ProbeKind::Tls(kind) => tls::probe(kind, tls, destination, timeout).await,
        ProbeKind::Icmp => icmp::probe(destination, timeout).await,
        ProbeKind::Dns(kind) => dns::probe(kind, destination, timeout).await,
        ProbeKind::Exec(kind) => exec::probe(kind, destination, timeout, hung).await,
        ProbeKind::File(kind) => file::probe(kind, destination, timeout).await,
        ProbeKind::Agent(kind) => agent::probe(kind, destination, timeout).await,
    }
}

#[cfg(test)]
mod tests;
