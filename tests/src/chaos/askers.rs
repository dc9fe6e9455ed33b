//! Who asks and connects all the time: a forwarder that asks the other load balancer where one is silent, and a viewer that
//! goes through the organisation's DNS server.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, Scope, ScopedJoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::truth::Truth;
use crate::lab::{
    dns::{self, Answer},
    namespace::Namespace,
    plan::ZONE,
    scene::Scene,
    server::PORT,
};

/// For one load balancer's answer.
const PATIENCE: Duration = Duration::from_millis(300);
/// For the DNS server's, which may have to ask twice.
const RESOLVING: Duration = Duration::from_secs(3);
const CONNECTING: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(2);
const VISITS: Duration = Duration::from_millis(50);

pub(super) struct Askers<'t> {
    truth: &'t Truth,
    balancers: Vec<SocketAddr>,
    socket: UdpSocket,
    viewer: Arc<Namespace>,
    viewer_socket: UdpSocket,
    dns: SocketAddr,
    pub(super) counts: Counts,
}

/// What became of queries and connections.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) sent: AtomicU64,
    pub(super) answered: AtomicU64,
    /// Of one load balancer; the other one is asked then.
    pub(super) lost: AtomicU64,
    pub(super) wrong: AtomicU64,
    /// By both.
    pub(super) unanswered: AtomicU64,
    /// The longest time from a query to its answer, the second load balancer's included, in microseconds.
    pub(super) longest: AtomicU64,
    pub(super) look_ups: AtomicU64,
    pub(super) look_ups_failed: AtomicU64,
    pub(super) visits: AtomicU64,
    pub(super) visits_failed: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl<'t> Askers<'t> {
    pub(super) fn new(scene: &Scene, truth: &'t Truth) -> Result<Self> {
        let viewer = Arc::clone(&scene.viewer.namespace);
        Ok(Self {
            truth,
            balancers: scene.load_balancers.iter().map(|balancer| balancer.address).collect(),
            socket: scene.asker().udp_socket()?,
            viewer_socket: viewer.udp_socket()?,
            viewer,
            dns: scene.dns.address,
            counts: Counts::default(),
        })
    }

    pub(super) fn start<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        stop: &'scope AtomicBool,
    ) -> Vec<ScopedJoinHandle<'scope, Result<()>>> {
        let until_stop = move |work: &dyn Fn(usize) -> Result<()>, pause: Duration| {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                work(number)?;
                number += 1;
                thread::sleep(pause);
            }
            Ok(())
        };
        vec![
            scope.spawn(move || until_stop(&|number| self.ask(number), PAUSE)),
            scope.spawn(move || until_stop(&|_| self.visit(), VISITS)),
        ]
    }

    /// Asks the load balancers in turn until one answers, as a forwarder does.
    fn ask(&self, number: usize) -> Result<()> {
        let counts = &self.counts;
        let start = Instant::now();
        for turn in 0..self.balancers.len() {
            let balancer = (number + turn) % self.balancers.len();
            let asked = Instant::now();
            count(&counts.sent);
            let Some(answer) = ask(&self.socket, self.balancers[balancer], PATIENCE)? else {
                count(&counts.lost);
                continue;
            };
            count(&counts.answered);
            if !self.truth.judge(balancer, asked, &answer) {
                count(&counts.wrong);
            }
            let took = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
            counts.longest.fetch_max(took, Ordering::Relaxed);
            return Ok(());
        }
        count(&counts.unanswered);
        self.truth.breaks(format!("query {number} was answered by no load balancer"));
        Ok(())
    }

    fn visit(&self) -> Result<()> {
        let counts = &self.counts;
        count(&counts.look_ups);
        let began = Instant::now();
        let answer = ask(&self.viewer_socket, self.dns, RESOLVING)?;
        let Some(address) = answer.as_ref().and_then(|answer| answer.addresses.first().copied()) else {
            count(&counts.look_ups_failed);
            if !self.truth.may_fail(began) {
                self.truth.breaks(format!("a viewer's look-up came to no address: {answer:?}"));
            }
            return Ok(());
        };
        count(&counts.visits);
        if self.viewer.connect(SocketAddr::from((address, PORT)), CONNECTING).is_err() {
            count(&counts.visits_failed);
            self.judge_failure(address, began);
        }
        Ok(())
    }

    fn judge_failure(&self, address: Ipv4Addr, began: Instant) {
        if !self.truth.may_be_dead(address, began) {
            self.truth.breaks(format!("a viewer was sent to {address} and could not connect"));
        }
    }
}

/// Nothing where nothing came back in time, or the network says that there is no way.
fn ask(socket: &UdpSocket, server: SocketAddr, at_most: Duration) -> Result<Option<Answer>> {
    match dns::ask(socket, server, ZONE, at_most) {
        Err(error) if error.downcast_ref::<std::io::Error>().is_some() => Ok(None),
        other => other.with_context(|| format!("asking {server}")),
    }
}
