//! How long a server that dies is still handed out: measured on the wire, and held against the moment of the verdict.
//!
//! Clusters with real servers are on one wire with a load balancer that answers in XDP. In all clusters at once one server
//! after the other dies, while a client asks for the cluster's name all the time. The moments of the deaths are spread evenly
//! over the time between two probes, so that what is in the middle does not depend on chance.

use std::{
    collections::BTreeSet,
    fmt,
    net::Ipv4Addr,
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;

use self::{
    field::{Cluster, Field},
    probing::Probing,
    verdict::Verdict,
};
use super::{loadbalancer::LoadBalancer, namespace::Namespace};

mod field;
mod probing;
mod verdict;

/// What tgdns promises from a verdict to the first answer on the wire that is right, in the middle.
pub const PUBLISHED_WITHIN: Duration = Duration::from_millis(10);

/// Between two questions for one name.
const PAUSE: Duration = Duration::from_micros(500);
/// Between two probes of a server, by default.
const INTERVAL: Duration = Duration::from_secs(1);
/// As much of it as no jitter takes away: deaths are spread over that.
const SURE: f64 = 0.95;
/// An answer that has been right for so long stays right.
const SETTLED: Duration = Duration::from_millis(500);
/// When a server that is still handed out is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// How servers die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// The process is killed: its kernel refuses connections.
    Refused,
    /// What is sent to it is dropped without a word.
    Silent,
}

/// What became of one server.
#[derive(Clone, Copy, Debug)]
pub struct Kill {
    /// From just before its death to the verdict, as `tgdns history` has it in whole milliseconds.
    pub detected: Duration,
    /// From the verdict to the arrival of the first answer without the server.
    pub published: Duration,
}

/// In the middle and at worst.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub median: Duration,
    pub worst: Duration,
}

impl Death {
    /// The longest from a death to the verdict by the default settings. The last success is no older than an interval, 1 s.
    /// A refusal is known at once, and the others that count follow 100 ms apart. Silence is known after the timeout of
    /// 500 ms; then one probe starts at once, the last one 100 ms later, and that takes its timeout as well.
    pub fn detected_within(self) -> Duration {
        match self {
            Self::Refused => Duration::from_millis(1200),
            Self::Silent => Duration::from_millis(2100),
        }
    }

    /// The longest from a death to the first answer without the server that tgdns promises.
    pub fn gone_within(self) -> Duration {
        match self {
            Self::Refused => Duration::from_millis(1300),
            Self::Silent => Duration::from_millis(2800),
        }
    }

    /// The same in the middle of deaths that are spread over the time between two probes. For silence nothing more is promised.
    pub fn median_within(self) -> Duration {
        match self {
            Self::Refused => Duration::from_millis(800),
            Self::Silent => self.gone_within(),
        }
    }

    /// What the controller's cause begins with.
    fn cause(self) -> &'static str {
        match self {
            Self::Refused => "connection refused",
            Self::Silent => "timed out",
        }
    }
}

impl Kill {
    /// From just before the server's death to the first answer without it.
    pub fn gone(&self) -> Duration {
        self.detected + self.published
    }
}

/// In milliseconds.
impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        formatter.pad(&format!("{:.1} / {:.1}", milliseconds(self.median), milliseconds(self.worst)))
    }
}

impl Spread {
    /// Of at least one time.
    pub fn of(times: impl IntoIterator<Item = Duration>) -> Result<Self> {
        let mut times: Vec<_> = times.into_iter().collect();
        times.sort();
        let worst = *times.last().context("nothing was measured")?;
        // One of them, or the mean of two.
        let (low, high) = (times[(times.len() - 1) / 2], times[times.len() / 2]);
        Ok(Self { median: (low + high) / 2, worst })
    }
}

/// Kills so many servers in each of so many clusters. It fails where any answer on the way has other addresses than those
/// of the live servers and of the one that is dying, where a dead one returns, and where somebody else is taken for dead.
pub fn measure(death: Death, clusters: u8, kills_each: u8) -> Result<Vec<Kill>> {
    let mut field = Field::build(clusters, kills_each + 1)?;
    let (load_balancer, far) = (&field.load_balancer, &field.far);
    let mut moments = moments(usize::from(clusters) * usize::from(kills_each)).into_iter();
    let deaths = thread::scope(|scope| -> Result<Vec<Seen>> {
        let playing: Vec<_> = field
            .clusters
            .iter_mut()
            .map(|cluster| {
                let wire = Wire { load_balancer, far, probing: &field.probing };
                let moments = moments.by_ref().take(kills_each.into()).collect();
                scope.spawn(move || one_after_the_other(&wire, cluster, death, moments))
            })
            .collect();
        let mut deaths = Vec::new();
        for cluster in playing {
            deaths.extend(cluster.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(deaths)
    });
    let deaths = deaths.with_context(|| load_balancer.log_tail())?;
    let verdicts = Verdict::all(load_balancer)?;
    let killed: BTreeSet<_> = deaths.iter().map(|seen| &seen.server).collect();
    let wrong: Vec<_> = verdicts.iter().filter(|verdict| !killed.contains(&verdict.server)).collect();
    ensure!(wrong.is_empty(), "taken for dead, and alive: {wrong:?}");
    deaths.iter().map(|seen| seen.against(&verdicts, death)).collect()
}

/// A death as the client saw it.
struct Seen {
    server: String,
    /// Just before it.
    died: SystemTime,
    /// When the first answer without the server arrived.
    gone: SystemTime,
}

impl Seen {
    fn against(&self, verdicts: &[Verdict], death: Death) -> Result<Kill> {
        let verdict = verdicts.iter().find(|verdict| verdict.server == self.server);
        let verdict = verdict.with_context(|| format!("no verdict on {}: {verdicts:?}", self.server))?;
        ensure!(verdict.cause.starts_with(death.cause()), "{verdict:?}");
        let detected = verdict.at.duration_since(self.died);
        let published = self.gone.duration_since(verdict.at);
        Ok(Kill {
            detected: detected.with_context(|| format!("{verdict:?} came before the death"))?,
            published: published.with_context(|| format!("{verdict:?} came after the answer without it"))?,
        })
    }
}

/// So many times after a probe, one in each part of the time until the next one, in any order.
fn moments(count: usize) -> Vec<Duration> {
    let mut random = Rng::with_seed(0);
    let mut parts: Vec<usize> = (0..count).collect();
    random.shuffle(&mut parts);
    let moment = |part| INTERVAL.mul_f64(SURE * (part as f64 + random.f64()) / count as f64);
    parts.into_iter().map(moment).collect()
}

/// What all clusters share.
struct Wire<'f> {
    load_balancer: &'f LoadBalancer,
    far: &'f Namespace,
    probing: &'f Probing,
}

/// All servers of a cluster but one, each when the answers have been right for a while, and so long after a probe.
fn one_after_the_other(
    wire: &Wire<'_>,
    cluster: &mut Cluster,
    death: Death,
    moments: Vec<Duration>,
) -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    let mut live: BTreeSet<Ipv4Addr> = cluster.servers.iter().map(|server| server.address).collect();
    for (server, moment) in cluster.servers.iter_mut().skip(1).zip(moments) {
        let ask = || -> Result<BTreeSet<Ipv4Addr>> {
            thread::sleep(PAUSE);
            Ok(wire.load_balancer.ask(&cluster.socket, &cluster.name)?.addresses.into_iter().collect())
        };
        let calm = Instant::now() + SETTLED;
        let is_time = || {
            let probed = wire.probing.last(server.address).filter(|probed| *probed >= calm);
            probed.is_some_and(|probed| probed.elapsed() >= moment)
        };
        while !is_time() {
            let told = ask()?;
            ensure!(told == live, "{}: {told:?}, and {live:?} are live", cluster.name);
            ensure!(calm.elapsed() < PATIENCE, "{} is not probed", server.name);
        }
        let died = SystemTime::now();
        match death {
            Death::Refused => server.kill().map(drop)?,
            Death::Silent => field::silence(wire.far, server.address)?,
        }
        let with_the_dead = live.clone();
        live.remove(&server.address);
        let gone = loop {
            let told = ask()?;
            let now = SystemTime::now();
            if told == live {
                break now;
            }
            ensure!(told == with_the_dead, "{}: {told:?}, and {live:?} are live", cluster.name);
            ensure!(now < died + PATIENCE, "{} is still handed out", server.name);
        };
        seen.push(Seen { server: server.name.clone(), died, gone });
    }
    Ok(seen)
}
