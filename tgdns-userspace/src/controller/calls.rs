//! What clients of the control socket ask, and are told.

use std::time::{Instant, SystemTime};

use anyhow::Result;

use super::{Controller, readings::Reading, reloading::Asker, sources::Sources};
use crate::{
    control::{self, Reply, Request},
    history::History,
    responder::unix_seconds,
    stats,
    status::{self, Status},
};

/// While maps of another layout are in use.
const WAITING: &str =
    "the fast path of another version answers from its own maps, until this one's have every name";

impl Controller {
    pub(super) fn call(&mut self, call: control::Call, sources: &Sources) {
        match call.request {
            Request::Admin(wish) => {
                self.administration.take(&wish, self.roster.model(), unix_seconds().into(), call.reply);
                self.save(sources);
            }
            Request::Reload {} => self.reload(Asker::Client(call.reply), sources),
            Request::Status {} => self.readings.ask(Reading::Status, call.reply),
            Request::History {} => self.readings.ask(Reading::History, call.reply),
            Request::Stats {} => self.readings.ask(Reading::Stats, call.reply),
        }
    }

    /// Writes one reading, if one is due. To be called behind the publication: what was asked after a change is told with it.
    pub(super) fn tell_reading(&mut self, sources: &Sources) {
        let begun = Instant::now();
        if let Some(reading) = self.readings.due(begun) {
            let outcome = self.read(reading, sources);
            self.readings.tell(reading, &outcome, begun, Instant::now());
        }
    }

    fn read(&self, reading: Reading, sources: &Sources) -> Result<Reply> {
        let (now, wall) = (Instant::now(), SystemTime::now());
        match reading {
            Reading::Status => Reply::ok(&self.status(sources, now, wall)),
            Reading::History => Reply::ok(&History::of(&self.roster, &self.rules, now, wall)),
            Reading::Stats => Reply::ok(&stats::Told {
                counters: self.slow_path.stats(),
                probes: self.tally.counts().map(|(name, count)| (name.to_owned(), count)).to_vec(),
                hooks: self.hooks.counts().map(|(name, count)| (name.to_owned(), count)).to_vec(),
                interfaces: self.attachments.counts().map(|(name, count)| (name.to_owned(), count)).collect(),
                self_test: self.self_test_counts(),
                fast_path: self.fast_path_counters(),
            }),
        }
    }

    fn self_test_counts(&self) -> Vec<(String, u64)> {
        let counts = self.fast_path.iter().flat_map(|fast_path| fast_path.findings().counts());
        counts.map(|(name, count)| (name.to_owned(), count)).collect()
    }

    /// None where there is no fast path, and while that of another version answers.
    fn fast_path_counters(&self) -> Option<Vec<(String, u64)>> {
        let fast_path = self.fast_path.as_ref().filter(|fast_path| !fast_path.is_waiting())?;
        let counters = fast_path.counters().ok()?;
        Some(counters.into_iter().map(|(name, count)| (name.to_owned(), count)).collect())
    }

    fn notes(&self) -> Vec<String> {
        let Some(fast_path) = &self.fast_path else { return Vec::new() };
        let waiting = fast_path.is_waiting().then(|| WAITING.to_owned());
        waiting.into_iter().chain(self.self_test.notes(fast_path)).collect()
    }

    fn status(&self, sources: &Sources, now: Instant, wall: SystemTime) -> Status {
        let model = self.roster.model();
        let process = status::Process {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: status::timestamp(self.started),
            uptime_seconds: self.started_at.elapsed().as_secs(),
            heartbeat_age_milliseconds: self.heartbeat.age().map(|age| age.as_millis() as u64),
            heartbeat_error: self.heartbeat.error().map(str::to_owned),
            stale_after_milliseconds: model.stale_after.as_millis() as u64,
            when_stale: model.when_stale.as_str().to_owned(),
            publish_error: self.publication.error().map(str::to_owned),
            notes: self.notes(),
            probes: sources.probes.pace(),
        };
        let link = |interface: &str| {
            let attached = self.fast_path.as_ref().is_some_and(|fast_path| fast_path.is_attached(interface));
            self.attachments.link(interface, attached)
        };
        Status::of(process, &self.roster, &link, now, wall)
    }
}
