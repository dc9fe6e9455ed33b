//! The rounds of one probe of one server.
//!
//! The clock runs from the start of one round to the start of the next. Where a round outlasts the interval (a
//! silent server, a long timeout) the next one starts beside it; outcomes are reported in the order of the starts.
//!
//! The first rounds of all probes start at once, and those of servers that fail together follow each other in step. So
//! where an interval gets longer, as when health is certain again, its first one ends at random between the shorter and the
//! longer: the probes spread out over it at once, and each one's `jitter` keeps them so. Intervals are only shortened
//! and never lengthened, so no promise about detection is broken: a closed port is
//! noticed within interval + (fall − 1) × fast interval, an opened one within slow interval + (rise − 1) × fast interval.

use std::{io, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesOrdered};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};

use super::{Destination, Pace, Probed, Target, ask};
use crate::{cluster::Probe, health::Outcome, socket::own_fault, tls::Client};

pub(super) struct Rounds {
    pub(super) target: Target,
    /// Of the probe, among the target's.
    pub(super) index: usize,
    pub(super) destination: Destination,
    pub(super) probe: Probe,
    pub(super) tls: Client,
    pub(super) outcomes: mpsc::Sender<Probed>,
    pub(super) pace: Arc<Pace>,
}

/// A round that ended: when it started, and what it found. An error is this host's own and no outcome.
type Ended = (Instant, io::Result<Outcome>);

impl Rounds {
    /// Ends when nobody takes the outcomes any more.
    pub(super) async fn run(self) {
        // More than a verdict's worth of rounds in flight would tell nothing more.
        let limit = usize::try_from(self.probe.rise.max(self.probe.fall)).unwrap_or(usize::MAX).max(1);
        let mut in_flight = FuturesOrdered::new();
        let mut interval = self.probe.fast_interval;
        let mut last_start = Instant::now();
        let mut next_start = last_start;
        // The next round may have waited for one that ended then.
        let mut free_since = last_start;
        let mut warning = None;
        loop {
            tokio::select! {
                biased;
                Some(ended) = in_flight.next() => {
                    let (started, result): Ended = ended;
                    let outcome = result.map_err(|error| own_fault(&error));
                    pass_on(&self.destination, &outcome, &mut warning);
                    let Some(answer) = self.report(started, outcome).await else { return };
                    next_start = last_start + until_next(interval, answer, self.probe.jitter);
                    interval = answer;
                    free_since = Instant::now();
                }
                () = sleep_until(next_start), if in_flight.len() < limit => {
                    in_flight.push_back(self.ask(next_start.max(free_since)));
                    last_start = Instant::now();
                    next_start = last_start + shortened(interval, self.probe.jitter);
                }
            }
        }
    }

    async fn ask(&self, due: Instant) -> Ended {
        let Self { probe, tls, destination, pace, .. } = self;
        let _turn = pace.turn(&probe.kind, due).await;
        (Instant::now(), ask(&probe.kind, tls, destination, probe.timeout, pace.hung()).await)
    }

    /// Hands the outcome to the event loop; gives the interval that it answers, or nothing if it is gone.
    async fn report(&self, started: Instant, outcome: Result<Outcome, String>) -> Option<Duration> {
        let (next_interval, answer) = oneshot::channel();
        let probed = Probed {
            target: self.target,
            probe: self.index,
            outcome,
            started: started.into_std(),
            next_interval,
        };
        self.outcomes.send(probed).await.ok()?;
        Some(answer.await.unwrap_or(self.probe.interval))
    }
}

/// From the start of one round to the next, after an outcome; `before` is the interval that held until then.
fn until_next(before: Duration, interval: Duration, jitter: u8) -> Duration {
    match interval.checked_sub(before) {
        Some(more) if !more.is_zero() => before + more.mul_f64(fastrand::f64()),
        _ => shortened(interval, jitter),
    }
}

fn shortened(interval: Duration, jitter: u8) -> Duration {
    interval.mul_f64(1.0 - f64::from(jitter) / 100.0 * fastrand::f64())
}

/// Says what people should see to, once for as long as it is the same.
fn pass_on(destination: &Destination, outcome: &Result<Outcome, String>, told: &mut Option<String>) {
    // A failure in between is no reason to repeat it.
    if let Ok(Outcome::Success { report, .. }) = outcome
        && report.warning != *told
    {
        if let Some(warning) = &report.warning {
            let Destination { cluster, server, .. } = destination;
            tracing::warn!(cluster, server, "{server} ({destination}): {warning}");
        }
        told.clone_from(&report.warning);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What began in step is all over the longer interval after one round, and stays there.
    #[test]
    fn rounds_spread_out() {
        const FAST: Duration = Duration::from_millis(100);
        const ORDINARY: Duration = Duration::from_secs(1);
        let mut tenths = [0; 10];
        for _ in 0..10_000 {
            let first = until_next(FAST, ORDINARY, 5);
            assert!((FAST..=ORDINARY).contains(&first), "{first:?}");
            tenths[usize::try_from((first - FAST).as_millis() / 90).expect("small").min(9)] += 1;
            let next = until_next(ORDINARY, ORDINARY, 5);
            assert!((ORDINARY.mul_f64(0.95)..=ORDINARY).contains(&next), "{next:?}");
            assert!((FAST.mul_f64(0.95)..=FAST).contains(&until_next(ORDINARY, FAST, 5)));
            assert_eq!(until_next(ORDINARY, ORDINARY, 0), ORDINARY);
        }
        // 1,000 are expected in each, give or take 30.
        assert!(tenths.iter().all(|count| (800..1200).contains(count)), "{tenths:?}");
    }
}
