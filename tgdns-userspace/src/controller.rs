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
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{
    admin::{self, AdminState, Admins},
    check,
    cluster::{Model, XdpMode},
    control::{self, Request},
    directories::Made,
    history::History,
    hook::Hooks,
    image::Image,
    last_run,
    netlink::Snapshot,
    probe::{Probed, Target},
    publish,
    responder::unix_seconds,
    selection::Rule,
    stats,
    status::{self, Status},
    xdp::{self, FastPath},
};
use administration::Administration;
use attachments::Attachments;
use health_file::{HealthFile, unix_milliseconds};
use reloading::{Asker, Configuration, Loaded, Reloading};
use roster::{Roster, Selection};
use slow_path::SlowPath;
use sources::Sources;
use transitions::HealthChange;

pub mod administration;
mod attachments;
mod health_file;
mod open_files;
mod reload;
pub mod reloading;
pub mod roster;
mod slow_path;
mod sources;
mod transitions;

/// Whatever the controller reacts to.
#[derive(Debug)]
pub enum Event {
    Probed(Probed),
    Interfaces(Snapshot),
    Call(control::Call),
    /// The admin states are saved, or could not be.
    Saved(Result<Admins>),
    /// The servers' health is saved for the next run, or could not be.
    HealthSaved(Result<()>),
    /// A signal asks for it.
    Reload,
    /// The configuration is read and can be put in place, or could not be.
    Loaded(Result<Box<Loaded>>),
    /// A signal, by its name.
    Stop(&'static str),
    /// Something that the controller cannot do without has ended.
    Failed(anyhow::Error),
}

/// So many events at most are handled before their consequences are published.
const EVENTS_PER_TURN: usize = 1024;
const PUBLISH_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Serves until a signal ends it. The fast path stays attached then, with the last published answers.
///
/// # Errors
/// Whatever prevents the start, or a part that has failed for good.
pub async fn run(configuration: Configuration, model: Model) -> Result<()> {
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
    let mut sources = Sources::start(&model, listener)?;
    let answered = match &fast_path {
        Some(fast_path) => fast_path.image().context("reading what the last run has left in the maps")?,
        None => Image::default(),
    };
    let mut controller = Controller::new(configuration, model, admins, fast_path, slow_path);
    controller.roster.remember(&answered, &last_run, Instant::now(), unix_milliseconds());
    sources.probes.follow(controller.roster.targets());
    controller.log_start();
    let signal = controller.turns(&mut sources).await?;
    controller.save_health_at_last();
    controller.log_stop(signal);
    Ok(())
}

struct Controller {
    configuration: Configuration,
    roster: Roster,
    reloading: Reloading,
    administration: Administration,
    /// Probes that wait for the work on their servers to end.
    paused: BTreeMap<Target, Vec<Probed>>,
    fast_path: Option<FastPath>,
    attachments: Attachments,
    health_file: HealthFile,
    slow_path: SlowPath,
    hooks: Hooks,
    started: SystemTime,
    started_at: Instant,
    publish_error: Option<PublishError>,
    /// By which rule each cluster's answers were chosen at the last publication, by the cluster's name.
    rules: BTreeMap<String, Rule>,
}

struct PublishError {
    message: String,
    again_at: Instant,
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
            roster: Roster::new(model, admins, services, now),
            paused: BTreeMap::new(),
            fast_path,
            attachments: Attachments::default(),
            health_file: HealthFile::new(now),
            slow_path,
            started: SystemTime::now(),
            started_at: now,
            publish_error: None,
            rules: BTreeMap::new(),
        }
    }

    /// Gives the name of the signal that ended it.
    async fn turns(&mut self, sources: &mut Sources) -> Result<&'static str> {
        loop {
            let mut event = sources.next(self.wake_at()).await;
            for _ in 0..EVENTS_PER_TURN {
                match event {
                    None => break,
                    Some(Event::Stop(signal)) => return Ok(signal),
                    Some(Event::Failed(error)) => return Err(error),
                    Some(Event::Probed(probed)) => self.probed(probed),
                    Some(Event::Interfaces(snapshot)) => self.see(snapshot),
                    Some(Event::Call(call)) => self.call(call, sources),
                    Some(Event::Saved(outcome)) => self.saved(outcome, sources),
                    Some(Event::HealthSaved(outcome)) => self.health_file.saved(&outcome, Instant::now()),
                    Some(Event::Reload) => self.reload(Asker::Signal, sources),
                    Some(Event::Loaded(outcome)) => self.loaded(outcome.map(|loaded| *loaded), sources),
                }
                event = sources.ready();
            }
            self.settle(sources);
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        let again = self.publish_error.as_ref().map(|error| error.again_at);
        let tidy = self.fast_path.as_ref().and_then(FastPath::tidy_at);
        let now = Instant::now();
        let rounds = self.rosters().filter_map(|roster| roster.deadline(now));
        let deadlines = [
            again,
            self.attachments.due_at(),
            self.roster.next_ttls_at(),
            self.next_admin_end(),
            tidy,
            self.health_file.due_at(),
        ];
        deadlines.into_iter().flatten().chain(rounds).min()
    }

    /// The one that holds, and the one that is to take its place.
    fn rosters(&self) -> impl Iterator<Item = &Roster> {
        std::iter::once(&self.roster).chain(self.reloading.prepared.as_ref().map(|prepared| &prepared.roster))
    }

    fn rosters_mut(&mut self) -> impl Iterator<Item = &mut Roster> {
        let prepared = self.reloading.prepared.as_mut().map(|prepared| &mut prepared.roster);
        std::iter::once(&mut self.roster).chain(prepared)
    }

    /// Takes in what the kernel has of the interfaces; some may be those of the configuration that held before.
    fn see(&mut self, Snapshot { mut devices, services }: Snapshot) {
        devices.retain(|name, _| self.rosters().any(|roster| roster.model().interfaces.contains(name)));
        self.attachments.see(devices);
        for roster in self.rosters_mut() {
            let interfaces = roster.model().interfaces.clone();
            let here = services.iter().filter(|service| interfaces.contains(&service.interface));
            roster.set_services(here.cloned().collect());
        }
    }

    fn next_admin_end(&self) -> Option<Instant> {
        let now = unix_seconds().into();
        let end = self.roster.admins().next_end(now)?;
        Some(Instant::now() + Duration::from_secs(end - now))
    }

    fn call(&mut self, call: control::Call, sources: &mut Sources) {
        if let Request::Admin(wish) = &call.request {
            self.administration.take(wish, self.roster.model(), unix_seconds().into(), call.reply);
            self.save(sources);
            return;
        }
        if call.request == (Request::Reload {}) {
            self.reload(Asker::Client(call.reply), sources);
            return;
        }
        // What was asked after a change is told with the change published.
        self.settle(sources);
        // The client may have gone.
        let _ = call.reply.send(self.answer(&call.request, sources));
    }

    fn save(&mut self, sources: &Sources) {
        if let Some(admins) = self.administration.begin() {
            sources.save(self.roster.model().state_directory.clone(), admins);
        }
    }

    fn saved(&mut self, outcome: Result<Admins>, sources: &mut Sources) {
        if let Err(error) = &outcome {
            tracing::error!("{error:#}");
        }
        if let Some((admins, acknowledgement)) = self.administration.end(outcome) {
            self.tell_admin_changes(&admins);
            self.rosters_mut().for_each(|roster| roster.set_admins(admins.clone()));
            self.settle(sources);
            acknowledgement.give();
        }
        self.save(sources);
    }

    fn probed(&mut self, probed: Probed) {
        let is_paused = |roster: &Roster| {
            let place = roster.place(probed.target);
            place.map(|(cluster, server)| roster.state(cluster, server) == AdminState::Maint)
        };
        if self.rosters().find_map(is_paused) == Some(true) {
            self.paused.entry(probed.target).or_default().push(probed);
            return;
        }
        let now = Instant::now();
        // Two rosters that know a target know the same of it: what one observes is told.
        let mut observed = None;
        for roster in self.rosters_mut() {
            observed = observed.or(observe(roster, &probed, now));
        }
        let Some((next_interval, told)) = observed else { return };
        probed.answer(next_interval);
        if let Some(changed) = told {
            self.health_file.changed(now);
            self.tell_health_change(changed);
        }
    }

    /// Attaches and publishes what is due.
    fn settle(&mut self, sources: &mut Sources) {
        let (now, unix_seconds) = (Instant::now(), unix_seconds());
        self.tell_admin_ends(unix_seconds.into());
        let tell_time = |roster: &mut Roster| roster.tell_time(now, unix_seconds.into());
        let back: Vec<Target> = self.rosters_mut().flat_map(tell_time).collect();
        for target in back {
            for probed in self.paused.remove(&target).unwrap_or_default() {
                probed.answer(Duration::ZERO);
            }
        }
        self.rosters_mut().for_each(|roster| roster.tell_ttls(now, unix_seconds.into()));
        if let Some(fast_path) = &mut self.fast_path {
            self.attachments.settle(fast_path, now);
            if fast_path.tidy_at().is_some_and(|tidy_at| tidy_at <= now)
                && let Err(error) = fast_path.tidy()
            {
                tracing::warn!("what the last configuration left in the maps is still there: {error:#}");
            }
        }
        self.save_health(now, sources);
        let reloaded = self.apply_reload(now, sources);
        if reloaded.is_some() || self.publish_error.as_ref().is_none_or(|error| error.again_at <= now) {
            self.publish_due(now, unix_seconds, sources);
        }
        if let Some(changes) = reloaded {
            self.end_reload(&self.published_reload(changes), sources);
        }
    }

    fn publish_due(&mut self, now: Instant, unix_seconds: u32, sources: &mut Sources) {
        let Some(selection) = self.roster.due(now, unix_seconds) else { return };
        match self.publish(&selection, sources) {
            Ok(()) => {
                self.publish_error = None;
                self.tell_changed_rules(&selection);
                self.roster.set_published(selection);
            }
            Err(error) => {
                tracing::error!("cannot publish the answers, trying again in 1 s: {error:#}");
                let message = format!("{error:#}");
                self.publish_error = Some(PublishError { message, again_at: now + PUBLISH_AGAIN_AFTER });
            }
        }
    }

    fn publish(&mut self, selection: &Selection, sources: &mut Sources) -> Result<()> {
        let Selection { chosen, services, serials, ttls } = selection;
        let image = publish::image(self.roster.model(), chosen, services, serials, ttls);
        // The sockets first: a map that can't be written must not keep them from telling the truth.
        let image = self.slow_path.publish(image, selection.is_complete(), sources);
        if let Some(fast_path) = &mut self.fast_path {
            let published = fast_path.publish(&image).context("writing the fast path's maps")?;
            tracing::debug!(changed = published.changed, "published to the fast path");
        }
        Ok(())
    }

    fn tell_changed_rules(&mut self, selection: &Selection) {
        let mut rules = BTreeMap::new();
        let clusters = self.roster.model().clusters.iter().zip(&selection.chosen).enumerate();
        for (index, (cluster, chosen)) in clusters.filter(|(index, _)| selection.has(*index)) {
            let (cluster, rule) = (&cluster.name, chosen.rule);
            if rule != self.rules.get(cluster).copied().unwrap_or(Rule::Live) {
                let live = self.roster.live(index);
                match rule == Rule::Live {
                    true => tracing::info!(cluster, "only live servers are handed out again"),
                    false => tracing::warn!(cluster, live, "too few servers are live: {}", rule.as_str()),
                }
            }
            rules.insert(cluster.clone(), rule);
        }
        self.rules = rules;
    }

    fn answer(&self, request: &Request, sources: &Sources) -> Result<Value> {
        let value = match request {
            Request::Status {} => serde_json::to_value(self.status(sources)),
            Request::History {} => {
                serde_json::to_value(History::of(&self.roster, Instant::now(), SystemTime::now()))
            }
            Request::Stats {} => serde_json::to_value(stats::Told {
                counters: self.slow_path.stats(),
                hooks: self.hooks.counts().map(|(name, count)| (name.to_owned(), count)).to_vec(),
            }),
            Request::Admin(_) | Request::Reload {} => bail!("this is not told at once"),
        };
        value.context("the reply cannot be written as JSON")
    }

    fn status(&self, sources: &Sources) -> Status {
        let process = status::Process {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: status::timestamp(self.started),
            uptime_seconds: self.started_at.elapsed().as_secs(),
            publish_error: self.publish_error.as_ref().map(|error| error.message.clone()),
            probes: sources.probes.pace(),
        };
        let is_attached = |interface: &str| {
            self.fast_path.as_ref().is_some_and(|fast_path| fast_path.is_attached(interface))
        };
        Status::of(process, &self.roster, &is_attached, Instant::now(), SystemTime::now())
    }

    fn log_start(&self) {
        let model = self.roster.model();
        let servers: usize = model.clusters.iter().map(|cluster| cluster.servers.len()).sum();
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            clusters = model.clusters.len(),
            servers,
            interfaces = model.interfaces.join(","),
            xdp_mode = model.xdp_mode.as_str(),
            control = %model.control.display(),
            "started"
        );
        for warning in check::warnings(model) {
            tracing::warn!("{warning}");
        }
    }

    fn log_stop(&self, signal: &str) {
        if self.fast_path.is_some() {
            tracing::info!(
                signal,
                "stopped; the fast path stays attached and answers with the last published addresses, until `tgdns \
                 detach` removes it"
            );
        } else {
            tracing::info!(signal, "stopped");
        }
    }
}

/// Takes one outcome in. Gives the interval until the next one, and the change if there is one; nothing where the target is
/// not known.
fn observe(roster: &mut Roster, probed: &Probed, now: Instant) -> Option<(Duration, Option<HealthChange>)> {
    let (cluster, server) = roster.place(probed.target)?;
    let said = roster.reported_state(cluster, server);
    let since = roster.health(cluster).get(server)?.last_change().map(|change| change.at);
    let change = roster.observe(cluster, server, probed.probe, &probed.outcome, now);
    let says = roster.reported_state(cluster, server);
    let cluster_model = roster.model().clusters.get(cluster)?;
    let server_model = cluster_model.servers.get(server)?;
    let health = roster.health(cluster).get(server)?.probes().get(probed.probe)?;
    let next_interval = health.next_interval(server_model.probes.get(probed.probe)?);
    if said != says {
        let (cluster, server) = (&cluster_model.name, &server_model.name);
        tracing::info!(cluster, server, from = %said, to = %says, "a server says so of itself");
    }
    let told = change.map(|change| HealthChange {
        cluster: cluster_model.name.clone(),
        server: server_model.name.clone(),
        address: server_model.address,
        after: since.map(|since| change.at.saturating_duration_since(since)),
        change,
    });
    Some((next_interval, told))
}

fn state_directory(model: &Model) -> Result<Made> {
    let directory = &model.state_directory;
    Made::create(directory).with_context(|| {
        format!("cannot create state_dir {}: make it, or correct the key", directory.display())
    })
}
