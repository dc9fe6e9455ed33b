//! Where the events come from.

use std::{
    future::Future,
    os::unix::net::UnixListener,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use anyhow::{Context as _, Result, anyhow};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
    task::{AbortHandle, JoinError, JoinSet, spawn_blocking},
    time::sleep_until,
};

use super::{
    Event,
    reloading::{Configuration, Loaded},
};
use crate::{
    admin::{self, Admins, file::Saved},
    cluster::{Model, XdpMode},
    control::{self, Reply},
    last_run::{self, file::Memory},
    netlink::{self, Snapshot},
    probe::{Pace, Probed, Probes},
};

/// Room for so many events of a kind; whoever has more to tell waits.
const WAITING: usize = 256;

/// Everything that runs beside the loop. Dropping it ends all of that.
pub(super) struct Sources {
    pub(super) probed: mpsc::Receiver<Probed>,
    interfaces: mpsc::Receiver<Snapshot>,
    calls: mpsc::Receiver<control::Call>,
    /// Who serves the clients; it ends when nobody receives the calls.
    server: control::Server,
    written: mpsc::Receiver<Result<Reply>>,
    written_sender: mpsc::Sender<Result<Reply>>,
    pub(super) saved: mpsc::Receiver<Result<Saved>>,
    saved_sender: mpsc::Sender<Result<Saved>>,
    health_saved: mpsc::Receiver<Result<()>>,
    health_saved_sender: mpsc::Sender<Result<()>>,
    loaded: mpsc::Receiver<Result<Loaded>>,
    loaded_sender: mpsc::Sender<Result<Loaded>>,
    /// Which interfaces are looked at, where there is a fast path.
    interfaces_wanted: watch::Sender<Vec<String>>,
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// None of these should ever end.
    tasks: JoinSet<Result<()>>,
    /// What broke of the work beside the loop.
    broken: mpsc::Receiver<anyhow::Error>,
    broken_sender: mpsc::Sender<anyhow::Error>,
    /// Nothing is probed before it is told what.
    pub(super) probes: Probes,
}

impl Sources {
    /// Must be called within a runtime, and in a process that has given up what it does not need.
    pub(super) fn start(model: &Model, listener: UnixListener) -> Result<Self> {
        let (probed_sender, probed) = mpsc::channel(WAITING);
        // One is enough: what changed while it waits is in the next one.
        let (interfaces_sender, interfaces) = mpsc::channel(1);
        let (calls_sender, calls) = mpsc::channel(WAITING);
        let (written_sender, written) = mpsc::channel(1);
        let (saved_sender, saved) = mpsc::channel(1);
        let (health_saved_sender, health_saved) = mpsc::channel(1);
        let (loaded_sender, loaded) = mpsc::channel(1);
        let (broken_sender, broken) = mpsc::channel(1);
        let (interfaces_wanted, wanted) = watch::channel(model.interfaces.clone());
        let mut sources = Self {
            probed,
            interfaces,
            calls,
            server: control::Server::start(listener, calls_sender)?,
            written,
            written_sender,
            saved,
            saved_sender,
            health_saved,
            health_saved_sender,
            loaded,
            loaded_sender,
            interfaces_wanted,
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
            hang_up: signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?,
            tasks: JoinSet::new(),
            broken,
            broken_sender,
            probes: Probes::new(probed_sender, Arc::new(Pace::new(model.probes))),
        };
        if model.xdp_mode != XdpMode::Off {
            sources.watch_over(netlink::watch(wanted, interfaces_sender));
        }
        Ok(sources)
    }

    /// Ends all of that. Everybody who has asked something is told something by then.
    pub(super) async fn close(self) {
        let Self { calls, server, .. } = self;
        drop(calls);
        server.ended().await;
    }

    /// Runs a task that the controller cannot do without, unless it ends it itself.
    pub(super) fn watch_over(
        &mut self,
        task: impl Future<Output = Result<()>> + Send + 'static,
    ) -> AbortHandle {
        self.tasks.spawn(task)
    }

    /// Looks at these interfaces from now on.
    pub(super) fn watch_interfaces(&self, interfaces: Vec<String>) {
        self.interfaces_wanted.send_if_modified(|wanted| {
            let differs = *wanted != interfaces;
            *wanted = interfaces;
            differs
        });
    }

    /// Reads the configuration anew; an event tells when that is done.
    pub(super) fn load(&self, configuration: Configuration, before: Model) {
        self.beside(&self.loaded_sender, move || Loaded::read(&configuration, &before));
    }

    /// Writes a text for clients; an event has it when that is done.
    pub(super) fn write(&self, write: impl FnOnce() -> Result<Reply> + Send + 'static) {
        self.beside(&self.written_sender, write);
    }

    /// Saves the admin states; an event tells when that is done.
    pub(super) fn save(&self, directory: PathBuf, admins: Admins) {
        self.beside(&self.saved_sender, move || admin::file::write(&directory, admins));
    }

    /// Saves the servers' health; an event tells when that is done.
    pub(super) fn save_health(&self, directory: PathBuf, memory: Memory) {
        self.beside(&self.health_saved_sender, move || last_run::file::write(&directory, &memory));
    }

    /// Works on a thread of its own, where that holds up nobody, and hands on what becomes of it. What breaks ends the controller,
    /// as it would in the loop: somebody waits for it.
    fn beside<T: Send + 'static>(&self, sender: &mpsc::Sender<T>, work: impl FnOnce() -> T + Send + 'static) {
        let (sender, broken) = (sender.clone(), self.broken_sender.clone());
        spawn_blocking(move || match panic::catch_unwind(AssertUnwindSafe(work)) {
            // The loop may have ended.
            Ok(done) => drop(sender.blocking_send(done)),
            // Its message is on stderr.
            Err(_) => drop(broken.blocking_send(anyhow!("work beside the event loop broke"))),
        });
    }

    /// Waits until the save of the servers' health that is under way has ended.
    pub(super) async fn health_saved(&mut self) -> Result<()> {
        // There is a sender, here.
        self.health_saved.recv().await.unwrap_or(Ok(()))
    }

    /// Waits for the next event, until the given time at most.
    pub(super) async fn next(&mut self, until: Option<Instant>) -> Option<Event> {
        let sleep = async {
            match until {
                Some(until) => sleep_until(until.into()).await,
                None => std::future::pending().await,
            }
        };
        // A channel without a sender is silent, hence the patterns.
        tokio::select! {
            Some(()) = self.hang_up.recv() => Some(Event::Reload),
            Some(()) = self.terminate.recv() => Some(Event::Stop("SIGTERM")),
            Some(()) = self.interrupt.recv() => Some(Event::Stop("SIGINT")),
            Some(probed) = self.probed.recv() => Some(Event::Probed(probed)),
            Some(snapshot) = self.interfaces.recv() => Some(Event::Interfaces(snapshot)),
            call = self.calls.recv() => Some(call.map_or_else(control_broke, Event::Call)),
            Some(written) = self.written.recv() => Some(Event::Written(written)),
            Some(saved) = self.saved.recv() => Some(Event::Saved(saved)),
            Some(saved) = self.health_saved.recv() => Some(Event::HealthSaved(saved)),
            Some(loaded) = self.loaded.recv() => Some(Event::Loaded(loaded.map(Box::new))),
            Some(broken) = self.broken.recv() => Some(Event::Failed(broken)),
            Some(ended) = self.tasks.join_next() => failure(ended).map(Event::Failed),
            () = sleep => None,
        }
    }

    /// The next event of those that wait already; signals, failures and what was read come by `next`.
    pub(super) fn ready(&mut self) -> Option<Event> {
        let saved = self.saved.try_recv().map(Event::Saved);
        let probed = saved.or_else(|_| self.probed.try_recv().map(Event::Probed));
        let interfaces = probed.or_else(|_| self.interfaces.try_recv().map(Event::Interfaces));
        interfaces.or_else(|_| self.calls.try_recv().map(Event::Call)).ok()
    }
}

fn control_broke() -> Event {
    Event::Failed(anyhow!("the thread of the control socket ended although it never should"))
}

/// Nothing of a task that the controller has ended itself.
fn failure(ended: Result<Result<()>, JoinError>) -> Option<anyhow::Error> {
    match ended {
        Ok(Err(error)) => Some(error),
        Ok(Ok(())) => Some(anyhow!("a task of the controller ended although it never should")),
        Err(error) if error.is_cancelled() => None,
        Err(panic) => Some(anyhow!(panic).context("a task of the controller broke")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
