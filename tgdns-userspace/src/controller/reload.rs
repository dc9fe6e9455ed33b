//! How the controller takes another configuration.

use std::time::Instant;

use anyhow::{Result, anyhow};

use super::{
    Controller, open_files,
    reloading::{Asker, Loaded, Prepared},
    roster::Roster,
    sources::Sources,
};
use crate::{
    control,
    reload::{self, Changes},
    service_manager,
};

impl Controller {
    pub(super) fn reload(&mut self, asker: Asker, sources: &Sources) {
        self.reloading.ask(asker);
        self.begin_reload(sources);
    }

    fn begin_reload(&mut self, sources: &Sources) {
        if self.reloading.begin() {
            service_manager::reloading();
            sources.load(self.configuration.clone(), self.roster.model().clone());
        }
    }

    pub(super) fn loaded(&mut self, outcome: Result<Loaded>, sources: &mut Sources) {
        let prepared = outcome.and_then(|loaded| self.prepare(loaded, sources));
        if let Err(error) = prepared {
            tracing::warn!("the configuration was not reloaded, and all stays as it is");
            self.end_reload(&Err(error), sources);
        }
    }

    /// Does what may fail, and begins to probe; what holds goes on.
    fn prepare(&mut self, loaded: Loaded, sources: &mut Sources) -> Result<()> {
        let Loaded { model, secrets, changes, warnings } = loaded;
        open_files::make_room(&model)?;
        let bound = self.slow_path.bind_more(&model.listen)?;
        if let Some(fast_path) = &mut self.fast_path {
            // One that is configured already and is gone is attached when it returns.
            let before = &self.roster.model().interfaces;
            let more = model.interfaces.iter().filter(|interface| !before.contains(interface));
            fast_path.attach_more(&more.cloned().collect::<Vec<_>>())?;
        }
        let roster = self.roster.successor(model, Instant::now());
        sources.probes.follow(self.roster.targets().chain(roster.targets()));
        let mut interfaces = self.roster.model().interfaces.clone();
        interfaces.extend(roster.model().interfaces.iter().cloned());
        sources.watch_interfaces(interfaces);
        self.reloading.prepared = Some(Prepared { roster, secrets, bound, changes, warnings });
        Ok(())
    }

    /// Puts what is prepared in the place of what holds, once every name has its answer. The publication follows.
    pub(super) fn apply_reload(&mut self, now: Instant, sources: &mut Sources) -> Option<Changes> {
        // What the last one left would be waited for while it is written, and the loop with it.
        if self.fast_path.as_ref().is_some_and(|fast_path| fast_path.tidy_at().is_some()) {
            return None;
        }
        let Prepared { mut roster, secrets, bound, changes, warnings } =
            self.reloading.prepared.take_if(|prepared| prepared.roster.is_ready(now))?;
        self.hooks.follow(&roster.model().hooks);
        roster.take_place_of(&self.roster, now);
        self.roster = roster;
        self.health_file.changed(now);
        let model = self.roster.model();
        self.slow_path.adopt(bound, secrets, model);
        sources.watch_interfaces(model.interfaces.clone());
        sources.probes.follow(self.roster.targets());
        if let Err(error) = control::set_access(&model.control, model.control_group.as_deref()) {
            tracing::error!("{error:#}");
        }
        self.paused.retain(|target| self.roster.place(target).is_some());
        if let Some(fast_path) = &mut self.fast_path
            && let Err(error) = fast_path.leave_others(&model.interfaces)
        {
            tracing::error!("{error:#}");
        }
        tracing::info!(file = %changes.file.display(), differences = changes.changes.len(), "reloaded");
        for change in &changes.changes {
            tracing::info!("{change}");
        }
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        Some(changes)
    }

    /// Tells who asked, and goes on with who asked meanwhile.
    pub(super) fn end_reload(&mut self, outcome: &Result<Changes>, sources: &Sources) {
        self.reloading.end(outcome);
        service_manager::ready();
        self.begin_reload(sources);
    }

    /// What is told of a reload that was applied, behind its publication.
    pub(super) fn published_reload(&self, changes: Changes) -> Result<Changes> {
        match self.publication.error() {
            None => Ok(changes),
            Some(error) => Err(anyhow!(
                "{}, but its answers could not be published yet, which is tried again each second: {error}",
                reload::APPLIED
            )),
        }
    }

    /// The one that holds, and the one that is to take its place.
    pub(super) fn rosters(&self) -> impl Iterator<Item = &Roster> {
        std::iter::once(&self.roster).chain(self.reloading.prepared.as_ref().map(|prepared| &prepared.roster))
    }

    pub(super) fn rosters_mut(&mut self) -> impl Iterator<Item = &mut Roster> {
        let prepared = self.reloading.prepared.as_mut().map(|prepared| &mut prepared.roster);
        std::iter::once(&mut self.roster).chain(prepared)
    }
}
