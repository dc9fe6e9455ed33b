//! What a run comes to, as text.

use std::{
    fmt::{self, Write as _},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::{askers::Askers, faults::Chaos, survivor::Survived, truth::Truth};

/// Of one run.
pub struct Figures {
    text: String,
    /// Queries that a load balancer answered.
    pub answered: u64,
    /// Of those, judged while a server was dead past its detection time.
    pub judged_dead: u64,
    /// Of all kinds.
    pub faults: u64,
}

impl Figures {
    pub(super) fn new(
        seed: u64,
        length: Duration,
        askers: &Askers<'_>,
        chaos: &Chaos<'_>,
        truth: &Truth,
    ) -> Self {
        let counts = &askers.counts;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut text = format!("seed {seed}, {} s\n", length.as_secs());
        for (name, count) in [
            ("queries sent to a load balancer", get(&counts.sent)),
            ("answered", get(&counts.answered)),
            ("judged past a dead server's detection", truth.judged_dead()),
            ("wrong", get(&counts.wrong)),
            ("lost by one load balancer", get(&counts.lost)),
            ("lost by both", get(&counts.unanswered)),
            ("longest time to an answer (outage), ms", get(&counts.longest).div_ceil(1000)),
            ("look-ups by viewers", get(&counts.look_ups)),
            ("without an address", get(&counts.look_ups_failed)),
            ("connections by viewers", get(&counts.visits)),
            ("to a server that had just died", get(&counts.visits_failed)),
        ] {
            let _ = writeln!(text, "{name:40} {count:9}");
        }
        let faults = chaos.counts.values().sum();
        let _ = writeln!(text, "{:40} {faults:9}", "faults");
        for (fault, count) in &chaos.counts {
            let _ = writeln!(text, "fault: {:33} {count:9}", fault.as_str());
        }
        for Survived { balancer, growth } in &chaos.survived {
            let _ = writeln!(text, "the controller of lb{} in a third of the run: {growth}", balancer + 1);
        }
        if let Some(growth) = chaos.kernel_growth {
            let _ = writeln!(text, "kernel memory of this machine, whoever it is for: {growth:+} KiB");
        }
        Self { text, answered: get(&counts.answered), judged_dead: truth.judged_dead(), faults }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}
