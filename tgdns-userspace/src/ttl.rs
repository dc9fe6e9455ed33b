//! The TTL of a cluster that has it follow its servers' health: the time to the next possible change. Pure.
//!
//! A verdict needs outcomes, and these come from probes that start no earlier than their intervals allow. So for a while
//! nothing can change, and for as long an answer may be kept. Whoever is failing right now may change at any moment.

use std::time::{Duration, Instant};

use crate::{
    admin::AdminState,
    cluster::{Cluster, Probe},
    health::{Health, ProbeHealth, ServerHealth},
};

/// How often TTLs are worked out. They are rounded down to whole seconds, so that an answer outlives the next possible
/// change by at most as long; `ttl_min` is kept to whatever may change.
pub const PERIOD: Duration = Duration::from_secs(1);

/// Seconds. `states` are the servers' admin states, and `admin_end` is how long it takes until the first of them ends.
pub fn in_force(
    cluster: &Cluster,
    health: &[ServerHealth],
    states: &[AdminState],
    admin_end: Option<Duration>,
    now: Instant,
) -> u32 {
    let Some(least) = cluster.ttl_min else { return cluster.ttl };
    // Who is in maintenance is not probed until that ends.
    let probed =
        cluster.servers.iter().zip(health).zip(states).filter(|(_, state)| **state != AdminState::Maint);
    let probes = probed.flat_map(|((server, health), _)| {
        server.probes.iter().zip(health.probes()).map(|(probe, health)| next_change(probe, health))
    });
    let remaining =
        |change: Option<Instant>| change.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
    let next = probes.map(remaining).chain(admin_end).min();
    let seconds = next.map_or(u64::MAX, |next| next.as_secs());
    u32::try_from(seconds).unwrap_or(u32::MAX).clamp(least, cluster.ttl.max(least))
}

/// When the verdict of a probe may become another one, at the earliest; nothing where that may be now.
fn next_change(probe: &Probe, health: &ProbeHealth) -> Option<Instant> {
    let (_, told) = health.last_outcome().filter(|_| !health.is_changing())?;
    let needed = match health.health() {
        Health::Up => probe.fall,
        Health::Down => probe.rise,
        Health::Unknown => probe.rise.min(probe.fall),
    };
    // It had begun so long before at most.
    let begun = told.checked_sub(probe.timeout)?;
    Some(begun + calm(probe, health.next_interval(probe), needed))
}

/// How far away the next possible change by a probe is at most, while all is well.
pub fn furthest_change(probe: &Probe) -> Duration {
    calm(probe, probe.interval, probe.fall).saturating_sub(probe.timeout)
}

/// From the start of a probe to a verdict that needs so many outcomes, the first of them after an interval.
fn calm(probe: &Probe, interval: Duration, needed: u32) -> Duration {
    // One word of a server that speaks for itself is enough.
    let needed = if probe.kind.reports() { 1 } else { needed };
    let shortest = |interval: Duration| interval.mul_f64(1.0 - f64::from(probe.jitter) / 100.0);
    shortest(interval) + shortest(probe.fast_interval).saturating_mul(needed.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;
    use crate::{config, health::Outcome};

    const READY: [AdminState; 2] = [AdminState::Ready; 2];

    fn cluster(keys: &str, probe: &str) -> Cluster {
        let text = format!(
            "interfaces = [\"eth0\"]\n[[cluster]]\nname = \"c.netz\"\n{keys}\n\
             server = [{{ name = \"a\", address = \"10.0.0.1\" }}, {{ name = \"b\", address = \"10.0.0.2\" }}]\n\
             [cluster.probe]\nport = 443\n{probe}\n"
        );
        config::parse(&text, "F").unwrap_or_else(|errors| panic!("{errors}")).clusters.remove(0)
    }

    fn health(cluster: &Cluster) -> Vec<ServerHealth> {
        cluster.servers.iter().map(|server| ServerHealth::new(cluster.join, server)).collect()
    }

    fn outcome(success: bool) -> Outcome {
        if success {
            Outcome::success(Duration::from_millis(1))
        } else {
            Outcome::failure("connection refused")
        }
    }

    /// One word of an agent takes its server out, though it has never said one yet.
    #[test]
    fn who_may_speak_for_itself_may_do_so_at_the_next_probe() {
        let of = cluster(
            "ttl = 20\nttl_min = 2",
            "type = \"agent\"\ninterval = \"10s\"\nfast_interval = \"1s\"\ntimeout = \"1s\"\njitter = 0",
        );
        let start = Instant::now();
        let mut servers = health(&of);
        for server in &mut servers {
            server.observe(0, &outcome(true), start);
            server.observe(0, &outcome(true), start + Duration::from_secs(1));
        }
        assert_eq!(in_force(&of, &servers, &READY, None, start + Duration::from_secs(1)), 9);
    }

    #[test]
    fn follows_what_may_change_next() {
        let of = cluster(
            "ttl = 20\nttl_min = 2",
            "interval = \"10s\"\nfast_interval = \"1s\"\ntimeout = \"1s\"\njitter = 0",
        );
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut servers = health(&of);
        assert_eq!(in_force(&of, &servers, &READY, None, at(0)), 2, "unknown may become anything at once");
        for server in &mut servers {
            server.observe(0, &outcome(true), at(0));
            server.observe(0, &outcome(true), at(1));
        }
        // At 1 s at the latest the last probe ended, which began at 0 s at the earliest: 10 s, and twice 1 s until down.
        for (now, expected) in [(1, 11), (2, 10), (9, 3), (10, 2), (11, 2), (40, 2)] {
            assert_eq!(in_force(&of, &servers, &READY, None, at(now)), expected, "{now}");
        }
        assert_eq!(
            in_force(&of, &servers, &READY, Some(Duration::from_millis(4999)), at(1)),
            4,
            "an admin state ends"
        );
        servers[1].observe(0, &outcome(false), at(1));
        assert_eq!(in_force(&of, &servers, &READY, None, at(1)), 2, "one is failing");
        let maint = [AdminState::Ready, AdminState::Maint];
        assert_eq!(in_force(&of, &servers, &maint, None, at(1)), 11, "who is not probed changes nothing");
        let fixed = Cluster { ttl_min: None, ..of.clone() };
        assert_eq!(in_force(&fixed, &servers, &READY, None, at(1)), 20);
        let short = Cluster { ttl: 5, ..of };
        servers[1].observe(0, &outcome(true), at(1));
        assert_eq!(in_force(&short, &servers, &READY, None, at(1)), 5);
    }

    /// Answers that are given between two workings-out have the first one's TTL. None of them outlives the next verdict by
    /// more than a period, unless it has the least TTL there is; and none leaves the bounds.
    #[test]
    fn no_answer_outlives_the_next_verdict() {
        let mut random = Rng::with_seed(0x7467_646e_7321);
        let (mut verdicts, mut longer, mut tight) = (0, 0, 0);
        for _ in 0..200 {
            let interval = random.u64(1000..40_000);
            let fast = random.u64(100..=interval);
            let timeout = random.u64(50..=interval);
            let (rise, fall, jitter) = (random.u32(1..=4), random.u32(1..=4), random.u8(0..=50));
            let (least, most) = (random.u32(0..3), random.u32(3..60));
            let of = cluster(
                &format!("ttl = {most}\nttl_min = {least}"),
                &format!(
                    "interval = \"{interval}ms\"\nfast_interval = \"{fast}ms\"\ntimeout = \"{timeout}ms\"\n\
                     rise = {rise}\nfall = {fall}\njitter = {jitter}"
                ),
            );
            let life = Life::lead(&of, &mut random);
            verdicts += life.verdicts.len();
            for pair in life.ttls.windows(2) {
                let [(_, ttl), (until, _)] = pair else { continue };
                assert!((least..=most).contains(ttl), "{ttl} of {least} to {most}");
                longer += usize::from(*ttl > least);
                let Some(verdict) = life.verdicts.iter().find(|at| **at >= *until) else { continue };
                let expires = *until + Duration::from_secs((*ttl).into());
                assert!(
                    *ttl == least || expires <= *verdict + PERIOD,
                    "{expires:?} after {verdict:?} in {of:?}"
                );
                tight += usize::from(*ttl > least && expires > *verdict);
            }
        }
        println!("{verdicts} verdicts, {longer} TTLs above the least, {tight} to the last second");
        assert!(verdicts > 1000 && longer > 1000 && tight > 10);
    }

    /// Ten minutes of two servers under their probes.
    struct Life {
        ttls: Vec<(Instant, u32)>,
        verdicts: Vec<Instant>,
    }

    impl Life {
        fn lead(of: &Cluster, random: &mut Rng) -> Self {
            let mut life = Self { ttls: Vec::new(), verdicts: Vec::new() };
            let mut servers = health(of);
            let probe = &of.servers[0].probes[0];
            // Far enough from the clock's beginning.
            let start = Instant::now() + Duration::from_secs(3600);
            let mut next = [start, start];
            let mut well = [true, true];
            let mut tick = start;
            while tick < start + Duration::from_secs(600) {
                let server = usize::from(next[1] < next[0]);
                let took = probe.timeout.mul_f64(random.f64());
                let told = next[server] + took;
                while tick < told {
                    life.ttls.push((tick, in_force(of, &servers, &READY, None, tick)));
                    tick += PERIOD;
                }
                if random.u8(..10) == 0 {
                    well[server] = !well[server];
                }
                life.verdicts.extend(servers[server].observe(0, &outcome(well[server]), told).map(|_| told));
                let interval = servers[server].probes()[0].next_interval(probe);
                let shortened = interval.mul_f64(1.0 - f64::from(probe.jitter) / 100.0 * random.f64());
                next[server] = told.max(next[server] + shortened);
            }
            life
        }
    }
}
