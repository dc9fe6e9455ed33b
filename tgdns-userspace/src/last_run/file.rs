//! The file of the servers' health, for a controller that starts again.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    net::IpAddr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::{
    atomic_file::{self, Replaced},
    cluster::{Cluster, Server},
    controller::roster::Roster,
    health::{Change, Health, Report},
    remark::{Remark, Remarks},
    rules::Rules,
    selection::last::Last,
};
use remark::KnownRemark;
use report::KnownReport;

mod remark;
mod report;

/// In the state directory.
const NAME: &str = "health.json";
const VERSION: u32 = 1;

/// Milliseconds after which a file that nobody refreshed tells nothing about what is.
pub const FRESH: u64 = 60_000;

/// Changes of a server that are kept.
const KEPT: usize = 8;

/// What was known at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    version: u32,
    /// Milliseconds since 1970, as all times here.
    saved: u64,
    /// By the names of clusters and servers.
    clusters: BTreeMap<String, BTreeMap<String, Known>>,
    /// Who was handed out last because of being live.
    #[serde(default)]
    pub last: Last,
    /// What was told of the clusters' answers, by their names and those of the views that it is about alone ("" for none).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    answers: BTreeMap<String, BTreeMap<String, Vec<KnownRemark>>>,
}

/// What was known of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    address: IpAddr,
    pub health: Verdict,
    /// The last ones, the latest at the end.
    changes: Vec<KnownChange>,
    /// What was said of it beside that.
    #[serde(default)]
    remarks: Vec<KnownRemark>,
    /// What it said of itself, as far as it did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reports: Vec<KnownReport>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KnownChange {
    at: u64,
    from: Verdict,
    to: Verdict,
    cause: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Unknown,
    Up,
    Down,
}

impl From<Verdict> for Health {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Unknown => Self::Unknown,
            Verdict::Up => Self::Up,
            Verdict::Down => Self::Down,
        }
    }
}

impl From<Health> for Verdict {
    fn from(health: Health) -> Self {
        match health {
            Health::Unknown => Self::Unknown,
            Health::Up => Self::Up,
            Health::Down => Self::Down,
        }
    }
}

impl Memory {
    /// What is known at `now`, which the clock calls `wall`.
    pub fn of(roster: &Roster, rules: &Rules, now: Instant, wall: u64) -> Self {
        let change = |change: &Change| KnownChange {
            at: wall.saturating_sub(milliseconds(now.saturating_duration_since(change.at))),
            from: change.from.into(),
            to: change.to.into(),
            cause: change.cause.clone(),
        };
        let remark = |remark: &Remark| KnownRemark::of(remark, now, wall);
        let cluster = |(index, cluster): (usize, &Cluster)| {
            let servers = cluster.servers.iter().zip(roster.health(index)).enumerate();
            let servers = servers.map(|(place, (server, health))| {
                let changes: Vec<&Change> = health.changes().collect();
                let kept = changes.iter().skip(changes.len().saturating_sub(KEPT));
                let changes = kept.map(|kept| change(kept)).collect();
                let remarks = roster.remarks(index, place).into_iter().flat_map(Remarks::iter);
                let remarks = remarks.map(remark).collect();
                let reports = KnownReport::all(server, health);
                let health = health.health().into();
                let known = Known { address: server.address, health, changes, remarks, reports };
                (server.name.clone(), known)
            });
            (cluster.name.clone(), servers.collect())
        };
        let clusters = roster.model().clusters.iter().enumerate().map(cluster).collect();
        let mut answers = BTreeMap::new();
        for Cluster { name, .. } in &roster.model().clusters {
            for (view, said) in rules.remarks(name) {
                let views: &mut BTreeMap<String, Vec<KnownRemark>> = answers.entry(name.clone()).or_default();
                views.entry(view.unwrap_or_default().to_owned()).or_default().push(remark(said));
            }
        }
        Self { version: VERSION, saved: wall, clusters, last: roster.last().clone(), answers }
    }

    /// What is known of a server, if it has this address still.
    pub fn server(&self, cluster: &str, server: &str, address: IpAddr) -> Option<&Known> {
        self.named(cluster, server).filter(|known| known.is_of(address))
    }

    /// What was told of a cluster's answers, or those of a view alone, on the clock of this run: `now` is what the clock calls
    /// `wall`.
    pub fn answers(&self, cluster: &str, view: Option<&str>, now: Instant, wall: u64) -> Remarks {
        let views = self.answers.get(cluster);
        let remarks = views.and_then(|views| views.get(view.unwrap_or_default())).into_iter().flatten();
        remarks.filter_map(|remark| remark.told(now, wall)).collect()
    }

    /// What is known of the server that had this name, at whatever address.
    pub fn named(&self, cluster: &str, server: &str) -> Option<&Known> {
        self.clusters.get(cluster)?.get(server)
    }

    /// Whether what it says was so after a time, in seconds since 1970.
    pub fn is_after(&self, unix_seconds: u64) -> bool {
        self.saved / 1000 > unix_seconds
    }

    /// Whether what it says of health may still be so.
    pub fn is_fresh(&self, now: u64) -> bool {
        // A clock that was set back makes nothing fresh.
        now.checked_sub(self.saved).is_some_and(|age| age <= FRESH)
    }

    #[cfg(test)]
    pub(super) fn with(saved: u64, cluster: &Cluster, verdicts: impl Iterator<Item = Verdict>) -> Self {
        let known = |(server, health): (&Server, Verdict)| {
            let (address, changes, remarks, reports) = (server.address, vec![], vec![], vec![]);
            (server.name.clone(), Known { address, health, changes, remarks, reports })
        };
        let servers = cluster.servers.iter().zip(verdicts).map(known).collect();
        let clusters = BTreeMap::from([(cluster.name.clone(), servers)]);
        Self { version: VERSION, saved, clusters, ..Self::default() }
    }
}

impl Known {
    /// Whether it was found at this address.
    pub fn is_of(&self, address: IpAddr) -> bool {
        self.address == address
    }

    /// What the server said of itself, by the index of the probe that it said it by. A report of which it cannot be told whose
    /// it is counts no more, for nobody could take it back.
    pub fn reports(&self, server: &Server) -> Vec<(usize, Report)> {
        let reports = self.reports.iter();
        reports.filter_map(|known| Some((known.probe(server)?, known.report()))).collect()
    }

    /// Whether one of these is of a probe that the server has no longer.
    pub fn has_lost_probe(&self, server: &Server) -> bool {
        self.reports.iter().any(|known| known.probe(server).is_none())
    }

    /// Whether the server had taken itself out.
    pub fn was_withdrawn(&self) -> bool {
        self.reports.iter().any(|known| known.report().withdraws())
    }

    /// How its health changed, on the clock of this run: `now` is what the clock calls `wall`.
    pub fn changes(&self, now: Instant, wall: u64) -> impl Iterator<Item = Change> {
        self.changes.iter().filter_map(move |change| {
            let age = Duration::from_millis(wall.saturating_sub(change.at));
            Some(Change {
                from: change.from.into(),
                to: change.to.into(),
                cause: change.cause.clone(),
                at: now.checked_sub(age)?,
            })
        })
    }

    /// What was said of it beside that, on the same clock.
    pub fn remarks(&self, now: Instant, wall: u64) -> Remarks {
        self.remarks.iter().filter_map(|remark| remark.told(now, wall)).collect()
    }
}

/// What was saved last. One that cannot be understood says nothing, as none does: the servers are probed anyway.
///
/// # Errors
/// A file that cannot be read.
pub fn read(directory: &Path) -> Result<Memory> {
    let path = directory.join(NAME);
    let text = match atomic_file::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Memory::default()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let memory = serde_json::from_slice::<Memory>(&text).ok();
    let memory = memory.filter(|memory| memory.version == VERSION);
    if memory.is_none() {
        tracing::warn!("{} cannot be understood: the servers' health is found anew", path.display());
    }
    Ok(memory.unwrap_or_default())
}

/// Saves it. Blocks for as long as the disk takes.
///
/// # Errors
/// The disk's, with the file as it was, or with the new one where the disk only did not confirm that it has it.
pub fn write(directory: &Path, memory: &Memory) -> Result<()> {
    let path = directory.join(NAME);
    let mut text = serde_json::to_vec(memory).context("the servers' health cannot be written")?;
    text.push(b'\n');
    let replaced = atomic_file::replace(&path, &text).with_context(|| {
        let path = path.display();
        format!("cannot save the servers' health in {path}, so a restart would find an older one")
    })?;
    match replaced {
        Replaced::Durably => Ok(()),
        Replaced::Unconfirmed(error) => Err(error).with_context(|| {
            let path = path.display();
            format!("the servers' health is saved in {path}, but a loss of power may undo that")
        }),
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
