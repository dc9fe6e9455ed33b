//! The one event loop: whatever happens becomes an event, one after the other, and this is the only task that writes.
//!
//! ```text
//! probe outcomes ----> health --\
//! interfaces' addresses ---------+--> selection -> image -> fast path's maps, slow path's tables
//! control requests -> replies
//! ```
//!
//! All events that wait are handled in one turn, and what follows from them is published once, at its end.

use std::{
    collections::BTreeSet,
    time::{Instant, SystemTime},
};

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    admin::{self, Admins},
    cluster::{Model, XdpMode},
    confinement, control,
    directories::Made,
    hook::Hooks,
    image::Image,
    last_run,
    responder::unix_seconds,
    rules::Rules,
    service_manager::Watchdog,
    xdp::{self, FastPath},
};
use administration::Administration;
use attachments::Attachments;
pub use event::Event;
use health_file::{HealthFile, unix_milliseconds};
use heartbeat::Heartbeat;
use limiting::Limiting;
use probing::{Paused, Tally};
use publication::Publication;
use readings::Readings;
use reloading::{Asker, Configuration, Reloading};
use roster::Roster;
use self_testing::SelfTesting;
use slow_path::SlowPath;
use sources::Sources;
use stopping::Stopping;

pub mod administration;
mod attachments;
mod calls;
mod event;
mod health_file;
mod heartbeat;
mod limiting;
mod log;
mod open_files;
mod probing;
mod publication;
mod readings;
mod reload;
pub mod reloading;
pub mod roster;
mod self_testing;
mod slow_path;
mod sources;
mod stopping;
mod transitions;

/// So many events at most are handled before their consequences are published.
const EVENTS_PER_TURN: usize = 1024;

/// Serves until a signal ends it. The fast path stays attached then, with the last published answers.
///
/// # Errors
/// Whatever prevents the start, or a part that has failed for good.
pub async fn run(configuration: Configuration, model: Model) -> Result<()> {
    // From here on it ends nothing: the start reads the file anyway.
    let _hang_up = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let (listener, _socket_file) = control::listen(&model.control, model.control_group.as_deref())?;
    let state_directory = state_directory(&model)?;
    let admins = admin::file::read(&model.state_directory)?;
    let last_run = last_run::file::read(&model.state_directory)?;
    let slow_path = SlowPath::bind(&model)?;
    open_files::make_room(&model)?;
    let fast_path = match model.xdp_mode {
        XdpMode::Off => {
            xdp::turn_off(&model)?;
            None
        }
        XdpMode::Native | XdpMode::Generic => Some(FastPath::start(&model)?),
    };
    state_directory.keep();
    let answered = match &fast_path {
        Some(fast_path) => fast_path.image().context("reading what the last run has left in the maps")?,
        None => Image::default(),
    };
    let mut controller = Controller::new(configuration, model, admins, fast_path, slow_path);
    let (now, wall) = (Instant::now(), unix_milliseconds());
    controller.rules = Rules::recalled(controller.roster.model(), &last_run, now, wall);
    controller.roster.remember(&answered, &last_run, now, wall);
    // Threads have what the one has that makes them.
    confinement::confine(controller.roster.model())?;
    let mut sources = Sources::start(controller.roster.model(), listener)?;
    sources.probes.follow(controller.roster.targets());
    controller.log_start();
    let ended = controller.turns(&mut sources).await;
    drop(std::mem::take(&mut controller.hooks));
    controller.save_health_at_last(&mut sources).await;
    sources.close().await;
    controller.log_stop(ended?);
    Ok(())
}

struct Controller {
    configuration: Configuration,
    roster: Roster,
    reloading: Reloading,
    administration: Administration,
    readings: Readings,
    paused: Paused,
    tally: Tally,
    fast_path: Option<FastPath>,
    attachments: Attachments,
    self_test: SelfTesting,
    health_file: HealthFile,
    heartbeat: Heartbeat,
    limiting: Limiting,
    slow_path: SlowPath,
    hooks: Hooks,
    started: SystemTime,
    started_at: Instant,
    publication: Publication,
    rules: Rules,
    watchdog: Watchdog,
    stopping: Option<Stopping>,
}

impl Controller {
    fn new(
        configuration: Configuration,
        model: Model,
        admins: Admins,
        fast_path: Option<FastPath>,
        slow_path: SlowPath,
    ) -> Self {
        let now = Instant::now();
        // Only the fast path has to know the service addresses; the sockets have theirs.
        let services = fast_path.is_none().then(BTreeSet::new);
        let hooks = Hooks::start(&model.hooks);
        Self {
            configuration,
            hooks,
            reloading: Reloading::default(),
            administration: Administration::new(admins.clone()),
            readings: Readings::new(now),
            roster: Roster::new(model, admins, services, now),
            paused: Paused::default(),
            tally: Tally::default(),
            fast_path,
            attachments: Attachments::default(),
            self_test: SelfTesting::default(),
            health_file: HealthFile::new(now),
            heartbeat: Heartbeat::default(),
            limiting: Limiting::default(),
            slow_path,
            started: SystemTime::now(),
            started_at: now,
            publication: Publication::default(),
            rules: Rules::default(),
            watchdog: Watchdog::default(),
            stopping: None,
        }
    }

    /// Gives the name of the signal that ended it.
    async fn turns(&mut self, sources: &mut Sources) -> Result<&'static str> {
        loop {
            if let Some(signal) = self.turn(sources).await? {
                return Ok(signal);
            }
        }
    }

    /// Waits for events, or until something is due, and does what follows. Gives the signal that was to end the turns, once
    /// what it has to wait for is done.
    async fn turn(&mut self, sources: &mut Sources) -> Result<Option<&'static str>> {
        let (wake_at, stops_by) = (self.wake_at(), self.stops_behind_hooks());
        let mut event = tokio::select! {
            event = sources.next(wake_at) => event.or_else(|| sources.ready()),
            () = self.hooks.told(), if stops_by.is_some() => return Ok(stops_by),
        };
        for _ in 0..EVENTS_PER_TURN {
            match event {
                None => break,
                Some(Event::Stop(signal)) => {
                    if self.stop(signal) {
                        return Ok(Some(signal));
                    }
                }
                Some(Event::Failed(error)) => return Err(error),
                Some(Event::Probed(probed)) => self.probed(probed),
                Some(Event::Interfaces(snapshot)) => self.see(snapshot),
                Some(Event::Call(call)) => self.call(call, sources),
                Some(Event::Written(outcome)) => self.readings.written(&outcome, Instant::now()),
                Some(Event::Saved(outcome)) => self.saved(outcome, sources),
                Some(Event::HealthSaved(outcome)) => self.health_file.saved(&outcome, Instant::now()),
                // It would be the next run's.
                Some(Event::Reload) if self.is_stopping() => {}
                Some(Event::Reload) => self.reload(Asker::Signal, sources),
                Some(Event::Loaded(outcome)) => self.loaded(outcome.map(|loaded| *loaded), sources),
            }
            event = sources.ready();
        }
        self.settle(sources);
        self.take_reading(sources);
        self.watchdog.feed(Instant::now());
        Ok(self.stops_now(Instant::now()))
    }

    fn wake_at(&self) -> Option<Instant> {
        let tidy = self.fast_path.as_ref().and_then(FastPath::tidy_at);
        let now = Instant::now();
        // What could be published then waits until publishing is tried again.
        let fails_until = self.publication.again_at();
        let deadlines = self.rosters().filter_map(|roster| roster.deadline(now));
        let rounds = deadlines.map(|at| fails_until.map_or(at, |until| at.max(until)));
        let deadlines = [
            self.publication.again_at(),
            self.attachments.due_at(),
            self.self_test.due_at(),
            self.limiting.due_at(),
            self.roster.next_ttls_at(),
            self.next_admin_end(),
            self.rules.due_at(),
            self.readings.due_at(),
            tidy,
            self.health_file.due_at(),
            self.watchdog.due_at(),
            self.beats_at(),
            self.stops_at(),
        ];
        deadlines.into_iter().flatten().chain(rounds).min()
    }

    /// Attaches and publishes what is due.
    fn settle(&mut self, sources: &mut Sources) {
        let (now, unix_seconds) = (Instant::now(), unix_seconds());
        self.tell_time(now, unix_seconds.into());
        self.tell_news(now);
        self.rosters_mut().for_each(|roster| roster.tell_ttls(now, unix_seconds.into()));
        self.settle_fast_path(now);
        self.save_health(now, sources);
        let reloaded = self.apply_reload(now, sources);
        if reloaded.is_some() || self.publication.again_at().is_none_or(|again_at| again_at <= now) {
            self.publish_due(now, unix_seconds, sources);
        }
        self.tell_rules(now);
        self.tell_limiting(now);
        self.beat_if_due(now);
        // Behind that, so that what is asked is fresh.
        self.self_test.run_if_due(self.fast_path.as_mut(), self.publication.error().is_none());
        if let Some(changes) = reloaded {
            self.end_reload(&self.published_reload(changes), sources);
        }
    }
}

fn state_directory(model: &Model) -> Result<Made> {
    let directory = &model.state_directory;
    Made::create(directory).with_context(|| {
        format!("cannot create state_dir {}: make it, or correct the key", directory.display())
    })
}
