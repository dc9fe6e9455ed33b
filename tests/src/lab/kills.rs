//! How long a server that dies is still handed out: measured on the wire, and held against the moment of the verdict.
//!
//! Clusters with real servers are on one wire with a load balancer that answers in XDP. In all clusters at once one server
//! after the other dies, at a random moment between two probes, while a client asks for the cluster's name all the time.

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
    verdict::Verdict,
};
use super::{loadbalancer::LoadBalancer, namespace::Namespace};

mod field;
mod verdict;

/// Between two questions for one name.
const PAUSE: Duration = Duration::from_micros(500);
/// Between two probes of a server, by default: deaths are spread over it.
const INTERVAL: Duration = Duration::from_secs(1);
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
        let median = *times.get(times.len() / 2).context("nothing was measured")?;
        Ok(Self { median, worst: *times.last().context("nothing was measured")? })
    }
}

/// Kills so many servers in each of so many clusters. It fails where any answer on the way has other addresses than those
/// of the live servers and of the one that is dying, where a dead one returns, and where somebody else is taken for dead.
pub fn measure(death: Death, clusters: u8, kills_each: u8) -> Result<Vec<Kill>> {
    let mut field = Field::build(clusters, kills_each + 1)?;
    let (load_balancer, far) = (&field.load_balancer, &field.far);
    let deaths = thread::scope(|scope| -> Result<Vec<Seen>> {
        let playing: Vec<_> = (0..)
            .zip(&mut field.clusters)
            .map(|(seed, cluster)| {
                scope.spawn(move || one_after_the_other(load_balancer, far, cluster, death, seed))
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

/// All servers of a cluster but one, each when the answers have been right for a while.
fn one_after_the_other(
    load_balancer: &LoadBalancer,
    far: &Namespace,
    cluster: &mut Cluster,
    death: Death,
    seed: u64,
) -> Result<Vec<Seen>> {
    let mut random = Rng::with_seed(seed);
    let mut seen = Vec::new();
    let mut live: BTreeSet<Ipv4Addr> = cluster.servers.iter().map(|server| server.address).collect();
    for server in cluster.servers.iter_mut().skip(1) {
        let ask = || -> Result<BTreeSet<Ipv4Addr>> {
            thread::sleep(PAUSE);
            Ok(load_balancer.ask(&cluster.socket, &cluster.name)?.addresses.into_iter().collect())
        };
        let calm = Instant::now() + SETTLED + INTERVAL.mul_f64(random.f64());
        while Instant::now() < calm {
            let told = ask()?;
            ensure!(told == live, "{}: {told:?}, and {live:?} are live", cluster.name);
        }
        let died = SystemTime::now();
        match death {
            Death::Refused => server.kill().map(drop)?,
            Death::Silent => field::silence(far, server.address)?,
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
