//! What each probe of a server says.

use std::{
    net::IpAddr,
    time::{Instant, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::timestamp;
use crate::{
    check,
    cluster::{Probe, Server},
    health::{Outcome, ProbeHealth},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeStatus {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// The address, and the port where there is one.
    pub target: String,
    pub source: Option<IpAddr>,
    /// `up`, `down` or `unknown`, by this probe alone.
    pub health: String,
    /// How long the last round took; none if it failed, or there was none.
    pub took_microseconds: Option<u64>,
    /// Why the last round failed.
    pub failure: Option<String>,
    /// Why this host cannot probe, so that health stays what it was; none while it can.
    #[serde(default)]
    pub not_probed: Option<String>,
    /// Since when: RFC 3339, UTC.
    #[serde(default)]
    pub not_probed_since: Option<String>,
    /// What should be seen to before it becomes a failure.
    pub warning: Option<String>,
    /// Since the end of the last round.
    pub age_milliseconds: Option<u64>,
}

impl ProbeStatus {
    /// `wall` is the clock's time at `now`.
    pub(super) fn all(server: &Server, health: &[ProbeHealth], now: Instant, wall: SystemTime) -> Vec<Self> {
        let probes = server.probes.iter().zip(health);
        probes.map(|(probe, health)| Self::of(server, probe, health, now, wall)).collect()
    }

    fn of(server: &Server, probe: &Probe, health: &ProbeHealth, now: Instant, wall: SystemTime) -> Self {
        let since = |at: Instant| timestamp(wall - now.saturating_duration_since(at));
        let last = health.last_outcome();
        let age = last.map(|(_, at)| now.saturating_duration_since(*at).as_millis());
        let (took, failure) = match last {
            Some((Outcome::Success { took, .. }, _)) => (u64::try_from(took.as_micros()).ok(), None),
            Some((Outcome::Failure { cause, .. }, _)) => (None, Some(cause.clone())),
            None => (None, None),
        };
        Self {
            name: probe.name.clone(),
            kind: probe.kind.as_str().to_owned(),
            target: check::target(server, probe),
            source: probe.source,
            health: health.health().as_str().to_owned(),
            took_microseconds: took,
            failure,
            not_probed: health.impediment().map(|(cause, _)| cause.clone()),
            not_probed_since: health.impediment().map(|(_, at)| since(*at)),
            warning: health.report().warning.clone(),
            age_milliseconds: age.and_then(|age| u64::try_from(age).ok()),
        }
    }
}
