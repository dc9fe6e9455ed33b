//! When clients come to be over the limit (`dns.rate_limit`), people are told, and again when that has ended: twice a minute at most,
//! whatever a flood does.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    time::{Duration, Instant, SystemTime},
};

use ipnet::IpNet;

use super::Controller;
use crate::{cluster::RateLimit, status::timestamp};

/// From one look at the counters to the next.
const EVERY: Duration = Duration::from_secs(1);
/// With nothing withheld for so long it has ended.
const QUIET: Duration = Duration::from_secs(60);
/// How many networks are named.
const NAMED: usize = 3;

/// Answers that were left out, counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Withheld {
    /// Sent to TCP.
    pub(super) slipped: u64,
    pub(super) dropped: u64,
}

/// What the counters said last, and since when clients are over the limit.
#[derive(Debug, Default)]
pub(super) struct Limiting {
    due_at: Option<Instant>,
    /// None before the first look: the maps may hold what an earlier run has counted.
    counted: Option<Withheld>,
    begun: Option<Begun>,
}

#[derive(Debug)]
struct Begun {
    since: SystemTime,
    last: Instant,
    withheld: Withheld,
    /// Of clients, the last ones that were seen.
    networks: BTreeSet<IpNet>,
}

/// What people are to be told.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Began(String),
    Ended(String),
}

impl Limiting {
    /// When the counters are to be looked at.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    /// The counters say this now, and these were clients over the limit lately.
    fn see(
        &mut self,
        counted: Withheld,
        networks: BTreeSet<IpNet>,
        now: Instant,
        wall: SystemTime,
    ) -> Option<News> {
        let before = self.counted.replace(counted)?;
        // They begin anew with the maps of another version.
        let more = Withheld {
            slipped: counted.slipped.saturating_sub(before.slipped),
            dropped: counted.dropped.saturating_sub(before.dropped),
        };
        if more == Withheld::default() {
            let ended = self.begun.take_if(|begun| now.saturating_duration_since(begun.last) >= QUIET)?;
            return Some(News::Ended(ended.in_words()));
        }
        let is_new = self.begun.is_none();
        let begun = self.begun.get_or_insert_with(|| Begun {
            since: wall,
            last: now,
            withheld: Withheld::default(),
            networks: BTreeSet::new(),
        });
        begun.last = now;
        begun.withheld.slipped += more.slipped;
        begun.withheld.dropped += more.dropped;
        if !networks.is_empty() {
            begun.networks = networks;
        }
        is_new.then(|| News::Began(begun.in_words()))
    }

    /// For `status`.
    pub(super) fn notes(&self) -> Option<String> {
        let begun = self.begun.as_ref()?;
        Some(format!("rate limit: since {} {}", timestamp(begun.since), begun.in_words()))
    }
}

impl Begun {
    fn in_words(&self) -> String {
        let Withheld { slipped, dropped } = self.withheld;
        let named: Vec<String> = self.networks.iter().take(NAMED).map(ToString::to_string).collect();
        let from = match named.is_empty() {
            true => String::new(),
            false => format!(", lately from {}", named.join(", ")),
        };
        format!(
            "{} answers were withheld ({slipped} sent to TCP, {dropped} dropped{from})",
            slipped + dropped
        )
    }
}

/// The networks of clients, as they are limited.
fn networks(limit: &RateLimit, clients: impl IntoIterator<Item = IpAddr>) -> BTreeSet<IpNet> {
    let network = |client| {
        let length = match client {
            IpAddr::V4(_) => limit.ipv4_prefix,
            IpAddr::V6(_) => limit.ipv6_prefix,
        };
        IpNet::new(client, length).ok().map(|network| network.trunc())
    };
    clients.into_iter().filter_map(network).collect()
}

impl Controller {
    /// Looks at the counters, if that is due.
    pub(super) fn tell_limiting(&mut self, now: Instant) {
        if self.limiting.due_at.is_some_and(|due_at| now < due_at) {
            return;
        }
        let Some(limit) = &self.roster.model().rate_limit else {
            self.limiting.due_at = None;
            return;
        };
        self.limiting.due_at = Some(now + EVERY);
        let mut withheld = self.slow_path.withheld();
        let mut clients: BTreeSet<IpAddr> = self.slow_path.take_limited().into_iter().collect();
        if let Some(fast_path) = self.fast_path.as_mut().filter(|fast_path| !fast_path.is_waiting()) {
            // What can't be read is told by whoever asks for the counters.
            for (name, count) in fast_path.counters().unwrap_or_default() {
                match name {
                    "slipped" => withheld.slipped += count,
                    "rate_limited" => withheld.dropped += count,
                    _ => {}
                }
            }
            clients.extend(fast_path.take_limited().unwrap_or_default());
        }
        let networks = networks(limit, clients);
        match self.limiting.see(withheld, networks, now, SystemTime::now()) {
            Some(News::Began(told)) => tracing::warn!("clients are over the rate limit: {told}"),
            Some(News::Ended(told)) => tracing::info!("no client is over the rate limit any more: {told}"),
            None => {}
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
