//! Probing the servers: when to ask, and telling what came of it.
//!
//! Each server has a task that starts a probe, reports its outcome and waits. Data flows one way, from here to the
//! event loop; what comes back is only the answer to the report: the interval until the next probe, which the loop
//! reads off the health that it keeps ([`ServerHealth::next_interval`](crate::health::ServerHealth::next_interval)).
//! So health exists once, no task can run ahead of it, and nothing here knows what a verdict is.
//!
//! The clock runs from the start of one probe to the start of the next. Where a probe outlasts the interval (a
//! silent server, a long timeout) the next one starts beside it; outcomes are reported in the order of the starts.
//! The first probes of all servers start at once. Later intervals are shortened by up to [`JITTER`], never
//! lengthened, so that the servers' probes spread out and no promise about detection is broken: a closed port is
//! noticed within interval + (fall − 1) × fast interval, an opened one within interval + (rise − 1) × fast interval.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::{StreamExt as _, stream::FuturesOrdered};
use tokio::{
    sync::{mpsc, oneshot},
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep_until},
};

use crate::{
    cluster::{Probe, ProbeKind, Server},
    health::Outcome,
};

pub mod tcp;

/// The part of an interval by which it may be shortened, at random: 5 %.
pub const JITTER: f64 = 0.05;

/// A server at one address under one probe. No other one in the controller's life has the same number, so what was on its
/// way when the configuration was replaced is never taken for another server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(pub u64);

/// The outcome of one probe, as the event loop gets it; to be answered with the interval until the next one.
#[derive(Debug)]
pub struct Probed {
    pub target: Target,
    pub outcome: Outcome,
    /// When the probe started.
    pub started: std::time::Instant,
    next_interval: oneshot::Sender<Duration>,
}

impl Probed {
    /// Tells the server's task the interval from the start of one probe to the start of the next; without an answer
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
    running: HashMap<Target, AbortHandle>,
    tasks: JoinSet<()>,
}

impl Probes {
    pub fn new(outcomes: mpsc::Sender<Probed>) -> Self {
        Self { outcomes, running: HashMap::new(), tasks: JoinSet::new() }
    }

    /// Probes exactly these targets from now on: ends what is no longer wanted, and starts the first probe of each new one
    /// at once. What is wanted already goes on undisturbed. Must be called within a runtime.
    pub fn follow<'m>(&mut self, wanted: impl Iterator<Item = (Target, &'m Server, &'m Probe)>) {
        let mut before = std::mem::take(&mut self.running);
        for (target, server, probe) in wanted {
            let running = before.remove(&target).unwrap_or_else(|| {
                let (probe, outcomes) = (probe.clone(), self.outcomes.clone());
                self.tasks.spawn(ServerProbes { target, address: server.address, probe, outcomes }.run())
            });
            self.running.insert(target, running);
        }
        before.into_values().for_each(|ended| ended.abort());
        while self.tasks.try_join_next().is_some() {}
    }
}

/// The probes of one server.
struct ServerProbes {
    target: Target,
    address: IpAddr,
    probe: Probe,
    outcomes: mpsc::Sender<Probed>,
}

/// A probe that ended: when it started, and what it found. An error is this host's own and no outcome.
type Ended = (Instant, io::Result<Outcome>);

impl ServerProbes {
    /// Ends when nobody takes the outcomes any more.
    async fn run(self) {
        // More than a verdict's worth of probes in flight would tell nothing more.
        let limit = usize::try_from(self.probe.rise.max(self.probe.fall)).unwrap_or(usize::MAX).max(1);
        let mut in_flight = FuturesOrdered::new();
        let mut interval = self.probe.fast_interval;
        let mut last_start = Instant::now();
        let mut next_start = last_start;
        let mut impeded = false;
        loop {
            tokio::select! {
                biased;
                Some((started, result)) = in_flight.next() => {
                    warn_once(self.address, &result, &mut impeded);
                    if let Ok(outcome) = result {
                        let Some(answer) = self.report(started, outcome).await else { return };
                        interval = answer;
                        next_start = last_start + shortened(interval);
                    }
                }
                () = sleep_until(next_start), if in_flight.len() < limit => {
                    last_start = Instant::now();
                    next_start = last_start + shortened(interval);
                    in_flight.push_back(self.ask(last_start));
                }
            }
        }
    }

    async fn ask(&self, started: Instant) -> Ended {
        let result = match self.probe.kind {
            ProbeKind::Tcp { port } => {
                tcp::probe(SocketAddr::new(self.address, port), self.probe.timeout).await
            }
        };
        (started, result)
    }

    /// Hands the outcome to the event loop; gives the interval that it answers, or nothing if it is gone.
    async fn report(&self, started: Instant, outcome: Outcome) -> Option<Duration> {
        let (next_interval, answer) = oneshot::channel();
        let probed = Probed { target: self.target, outcome, started: started.into_std(), next_interval };
        self.outcomes.send(probed).await.ok()?;
        Some(answer.await.unwrap_or(self.probe.interval))
    }
}

fn shortened(interval: Duration) -> Duration {
    interval.mul_f64(1.0 - JITTER * fastrand::f64())
}

/// Says that this host cannot probe, and that it can again; not at each probe.
fn warn_once(address: IpAddr, result: &io::Result<Outcome>, impeded: &mut bool) {
    match (result, *impeded) {
        (Err(error), false) => {
            tracing::warn!("cannot probe {address}, so its health stays as it is: {error}");
        }
        (Ok(_), true) => tracing::info!("{address} can be probed again"),
        (Err(_), true) | (Ok(_), false) => {}
    }
    *impeded = result.is_err();
}

#[cfg(test)]
mod tests;
