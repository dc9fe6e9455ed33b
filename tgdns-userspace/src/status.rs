//! What a running controller tells of itself; the shape of `tgdns status --json`.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use serde::{Deserialize, Serialize};

use crate::{
    admin::AdminState,
    cluster::{AllDown, Cluster, Model, Server},
    controller::roster::Roster,
    health::ServerHealth,
    probe::PaceStatus,
    selection::{Chosen, Rule, shares},
};

mod probe;
mod reason;
pub mod render;

pub use probe::ProbeStatus;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    #[serde(flatten)]
    pub process: Process,
    pub interfaces: Vec<InterfaceStatus>,
    /// Where the slow path listens.
    pub listen: Vec<SocketAddr>,
    /// Where the fast path's maps and links are.
    pub pin_dir: PathBuf,
    pub clusters: Vec<ClusterStatus>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub version: String,
    pub pid: u32,
    /// RFC 3339, UTC.
    pub started: String,
    pub uptime_seconds: u64,
    /// Since the fast path was told last that the controller lives; none before the first one.
    #[serde(default)]
    pub heartbeat_age_milliseconds: Option<u64>,
    /// Why it could not be told.
    #[serde(default)]
    pub heartbeat_error: Option<String>,
    /// At that age answers are stale, and become what `when_stale` says.
    #[serde(default)]
    pub stale_after_milliseconds: u64,
    #[serde(default)]
    pub when_stale: String,
    /// Why the tables are not what they should be.
    pub publish_error: Option<String>,
    /// What else is not as it should be.
    #[serde(default)]
    pub notes: Vec<String>,
    pub probes: PaceStatus,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceStatus {
    pub name: String,
    /// `native`, `generic` or `off`.
    pub xdp_mode: String,
    #[serde(flatten)]
    pub link: Link,
    /// The addresses on which the fast path answers.
    pub addresses: Vec<IpAddr>,
}

/// An interface's device, and the program on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Whether the program runs on it.
    pub attached: bool,
    /// `up`, `no carrier` or `down`; none where there is no such device, or no fast path to look for it.
    #[serde(default)]
    pub carrier: Option<String>,
    /// Why the program is not attached.
    #[serde(default)]
    pub problem: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterStatus {
    pub name: String,
    /// Seconds; what is in force.
    pub ttl: u32,
    /// Its bounds, where it follows the servers' health.
    pub ttl_bounds: Option<(u32, u32)>,
    pub handed_out: HandedOut,
    /// Where fewer servers than this are live, `handed_out` is not `live`.
    pub min_up: u16,
    /// `rotate`, `weighted` or `sticky`.
    pub select: String,
    pub servers: Vec<ServerStatus>,
    pub answers: Vec<AnswerStatus>,
}

/// By which rule the servers in the answers were chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HandedOut {
    /// The first round of probes has not ended, so nothing has been published yet.
    Nothing,
    Live,
    /// None is live, or too few are: all servers.
    All,
    /// The same: those that were handed out before.
    Last,
    /// The same: an error.
    Servfail,
    /// The same: another error.
    Refused,
    /// The same: no address.
    NoData,
    /// The same: addresses of others.
    Addresses,
}

impl From<Rule> for HandedOut {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::Live => Self::Live,
            Rule::All => Self::All,
            Rule::Last => Self::Last,
            Rule::Servfail => Self::Servfail,
            Rule::Refused => Self::Refused,
            Rule::NoData => Self::NoData,
            Rule::Addresses => Self::Addresses,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerStatus {
    pub name: String,
    pub address: IpAddr,
    /// `up`, `down` or `unknown`.
    pub health: String,
    /// `last run` or `earlier probe`, while the verdict is not that of the server's probes.
    #[serde(default)]
    pub health_from: Option<String>,
    /// `ready`, `drain` or `maint`.
    pub admin: String,
    pub admin_reason: Option<String>,
    /// When the admin state ends: RFC 3339, UTC.
    pub admin_until: Option<String>,
    /// The same by what the server says of itself.
    pub reported: String,
    /// The configured weight after what the server says of itself, in hundredths.
    pub weight_hundredths: u32,
    /// Whether it may be handed out: health up, ready by people's and by its own word, and of some weight.
    pub live: bool,
    /// Whether it is.
    #[serde(default)]
    pub handed_out: bool,
    /// Why it is not, or is though it is not live.
    #[serde(default)]
    pub reason: Option<String>,
    pub tier: u8,
    /// Of the answers that have it, or begin with it where they have all servers: from 0 to 1. It follows from the weights.
    pub share: f64,
    /// Since when health is what it is: RFC 3339, UTC.
    pub since: String,
    pub since_seconds: u64,
    /// Why it became so; none before the first verdict.
    pub cause: Option<String>,
    /// What to see to before it becomes a failure, such as a certificate that expires soon.
    #[serde(default)]
    pub warnings: Vec<String>,
    pub probes: Vec<ProbeStatus>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerStatus {
    pub view: String,
    /// By which rule: a view that is shown none of the live servers is answered by another one than the cluster.
    pub handed_out: HandedOut,
    pub addresses: Vec<IpAddr>,
}

impl Status {
    /// `link` tells of an interface's device, and `wall` is the clock's time at `now`.
    pub fn of(
        process: Process,
        roster: &Roster,
        link: &dyn Fn(&str) -> Link,
        now: Instant,
        wall: SystemTime,
    ) -> Self {
        let model = roster.model();
        let interface = |name: &String| InterfaceStatus::of(name, link(name), roster);
        let cluster = |(index, cluster)| ClusterStatus::of(roster, index, cluster, now, wall);
        Self {
            process,
            interfaces: model.interfaces.iter().map(interface).collect(),
            listen: model.listen.clone(),
            pin_dir: model.pin_directory.clone(),
            clusters: model.clusters.iter().enumerate().map(cluster).collect(),
        }
    }
}

impl InterfaceStatus {
    fn of(name: &str, link: Link, roster: &Roster) -> Self {
        let model = roster.model();
        let here = roster.services().filter(|service| service.interface == name);
        Self {
            name: name.to_owned(),
            xdp_mode: model.xdp_mode.as_str().to_owned(),
            link,
            addresses: here.map(|service| service.address).collect(),
        }
    }
}

impl ClusterStatus {
    fn of(roster: &Roster, index: usize, cluster: &Cluster, now: Instant, wall: SystemTime) -> Self {
        let health = roster.health(index);
        let published = roster.published().filter(|published| published.has(index));
        let chosen = published.and_then(|published| published.chosen.get(index)).map(Arc::as_ref);
        let draws = &roster.basis().draws;
        let shares = chosen.map_or_else(Vec::new, |of| shares::of_cluster(cluster, &of.weights, draws));
        let server = |(server, of): (usize, &Server)| {
            let standing = Standing {
                live: roster.is_live(index, server),
                handed_out: chosen.is_some_and(|chosen| {
                    chosen.includes(server) || chosen.in_views.values().any(|other| other.includes(server))
                }),
                reason: reason::of(roster, index, server, chosen),
                share: shares.get(server).copied().unwrap_or(0.0),
            };
            health.get(server).map(|health| ServerStatus::of(of, health, roster, standing, now, wall))
        };
        Self {
            name: cluster.name.clone(),
            ttl: roster
                .published()
                .and_then(|published| published.ttls.get(index))
                .copied()
                .unwrap_or(cluster.ttl),
            ttl_bounds: cluster.ttl_min.map(|least| (least, cluster.ttl)),
            handed_out: chosen.map_or(HandedOut::Nothing, |chosen| chosen.rule.into()),
            min_up: cluster.policy.min_up,
            select: cluster.policy.select.as_str().to_owned(),
            servers: cluster.servers.iter().enumerate().filter_map(server).collect(),
            answers: answers(roster.model(), cluster, chosen),
        }
    }
}

/// What the selection makes of a server.
struct Standing {
    live: bool,
    handed_out: bool,
    reason: Option<String>,
    share: f64,
}

impl ServerStatus {
    fn of(
        server: &Server,
        health: &ServerHealth,
        roster: &Roster,
        Standing { live, handed_out, reason, share }: Standing,
        now: Instant,
        wall: SystemTime,
    ) -> Self {
        let change = health.last_change();
        let age = now.saturating_duration_since(change.map_or(roster.started(), |change| change.at));
        let seconds = wall.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let said = roster.admins().said(&server.name, seconds);
        let probes = ProbeStatus::all(server, health.probes(), now, wall);
        let not_probed = probes.iter().enumerate().filter_map(|(index, probe)| {
            let (since, cause) = (probe.not_probed_since.as_ref()?, probe.not_probed.as_ref()?);
            Some(health.named(index, &format!("not probed since {since}: {cause}")))
        });
        let not_probed: Vec<String> = not_probed.collect();
        Self {
            name: server.name.clone(),
            address: server.address,
            health: health.health().as_str().to_owned(),
            health_from: health.inherited().map(|from| from.as_str().to_owned()),
            admin: said.map_or(AdminState::Ready, |said| said.state).to_string(),
            admin_reason: said.and_then(|said| said.reason.clone()),
            admin_until: said.and_then(|said| said.until).map(unix_timestamp),
            reported: health.reported_state().to_string(),
            weight_hundredths: health.weight(server.weight),
            live,
            handed_out,
            reason,
            tier: server.tier,
            share,
            since: timestamp(wall - age),
            since_seconds: age.as_secs(),
            cause: change.map(|change| change.cause.clone()),
            warnings: health.warnings().into_iter().chain(not_probed).collect(),
            probes,
        }
    }
}

/// What each view is answered with, in the servers' order; each query rotates it.
fn answers(model: &Model, cluster: &Cluster, chosen: Option<&Chosen>) -> Vec<AnswerStatus> {
    let answer = |view| {
        let chosen = chosen.map(|chosen| chosen.in_view(view));
        let servers = cluster.servers.iter().enumerate();
        let addresses = match (chosen.map(|chosen| chosen.rule), &cluster.policy.all_down) {
            (Some(Rule::Addresses), AllDown::Addresses(addresses)) => addresses.clone(),
            _ => servers
                .filter(|(server, _)| chosen.is_some_and(|chosen| chosen.includes(*server)))
                .flat_map(|(_, server)| server.handed_out(view))
                .copied()
                .collect(),
        };
        let handed_out = chosen.map_or(HandedOut::Nothing, |chosen| chosen.rule.into());
        AnswerStatus { view: model.view_name(view).to_owned(), handed_out, addresses }
    };
    model.view_identifiers().map(answer).collect()
}

/// A time in seconds since 1970 as RFC 3339, UTC.
pub fn unix_timestamp(seconds: u64) -> String {
    timestamp(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// RFC 3339, UTC, to the millisecond.
pub fn timestamp(time: SystemTime) -> String {
    // Times before 1970 cannot be written.
    let time = time.max(SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    humantime::format_rfc3339_millis(time).to_string()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
