//! What clients of the control socket ask, and are told.

use std::{
    collections::BTreeMap,
    time::{Instant, SystemTime},
};

use anyhow::anyhow;

use super::{Controller, readings::Reading, reloading::Asker, sources::Sources};
use crate::{
    control::{self, Reply, Request},
    history::History,
    responder::unix_seconds,
    stats,
    status::{self, Link, Status},
};

/// While maps of another layout are in use.
const WAITING: &str =
    "the fast path of another version answers from its own maps, until this one's have every name";

impl Controller {
    pub(super) fn call(&mut self, call: control::Call, sources: &Sources) {
        if self.is_stopping() {
            // The client may have gone.
            let _ = call.reply.send(Err(anyhow!(control::STOPPING)));
            return;
        }
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

    /// Takes down one reading, if one is due, and has it written. To be called behind the publication: what was asked after a
    /// change is told with it.
    pub(super) fn take_reading(&mut self, sources: &Sources) {
        let Some(reading) = self.readings.begin(Instant::now()) else { return };
        let (now, wall) = (Instant::now(), SystemTime::now());
        match reading {
            Reading::Status => {
                let (roster, process, links) = (self.roster.clone(), self.process(sources), self.links());
                let link = move |interface: &str| links.get(interface).cloned().unwrap_or_default();
                sources.write(move || Reply::ok(&Status::of(process, &roster, &link, now, wall)));
            }
            Reading::History => {
                let (roster, rules) = (self.roster.clone(), self.rules.clone());
                sources.write(move || Reply::ok(&History::of(&roster, &rules, now, wall)));
            }
            Reading::Stats => {
                let stats = self.stats();
                sources.write(move || Reply::ok(&stats));
            }
        }
    }

    fn stats(&self) -> stats::Told {
        stats::Told {
            counters: self.slow_path.stats(),
            probes: self.tally.counts().map(|(name, count)| (name.to_owned(), count)).to_vec(),
            hooks: self.hooks.counts().map(|(name, count)| (name.to_owned(), count)).to_vec(),
            interfaces: self.attachments.counts().map(|(name, count)| (name.to_owned(), count)).collect(),
            publications: self.publication.counts().map(|(name, count)| (name.to_owned(), count)).to_vec(),
            self_test: self.self_test_counts(),
            fast_path: self.fast_path_counters(),
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
        let of_fast_path = self.fast_path.iter().flat_map(|fast_path| {
            let waiting = fast_path.is_waiting().then(|| WAITING.to_owned());
            waiting.into_iter().chain(self.self_test.notes(fast_path))
        });
        of_fast_path.chain(self.limiting.notes()).collect()
    }

    fn process(&self, sources: &Sources) -> status::Process {
        let model = self.roster.model();
        status::Process {
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
        }
    }

    /// By interface.
    fn links(&self) -> BTreeMap<String, Link> {
        let link = |interface: &String| {
            let attached = self.fast_path.as_ref().is_some_and(|fast_path| fast_path.is_attached(interface));
            (interface.clone(), self.attachments.link(interface, attached))
        };
        self.roster.model().interfaces.iter().map(link).collect()
    }
}
