//! Where the events come from.

use std::{future::Future, path::PathBuf, time::Instant};

use anyhow::{Context as _, Result, anyhow};
use tokio::{
    net::UnixListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    task::{JoinSet, spawn_blocking},
    time::sleep_until,
};

use super::Event;
use crate::{
    admin::{self, Admins},
    cluster::{Model, XdpMode},
    control,
    netlink::{self, Snapshot},
    probe::{Probed, Probes},
};

/// Room for so many events of a kind; whoever has more to tell waits.
const WAITING: usize = 256;

/// Everything that runs beside the loop. Dropping it ends all of that.
pub(super) struct Sources {
    probed: mpsc::Receiver<Probed>,
    interfaces: mpsc::Receiver<Snapshot>,
    calls: mpsc::Receiver<control::Call>,
    saved: mpsc::Receiver<Result<Admins>>,
    saved_sender: mpsc::Sender<Result<Admins>>,
    terminate: Signal,
    interrupt: Signal,
    /// None of these should ever end.
    tasks: JoinSet<Result<()>>,
    /// Nothing is probed before it is told what.
    pub(super) probes: Probes,
}

impl Sources {
    pub(super) fn start(model: &Model, listener: UnixListener) -> Result<Self> {
        let (probed_sender, probed) = mpsc::channel(WAITING);
        let (interfaces_sender, interfaces) = mpsc::channel(WAITING);
        let (calls_sender, calls) = mpsc::channel(WAITING);
        let (saved_sender, saved) = mpsc::channel(1);
        let mut sources = Self {
            probed,
            interfaces,
            calls,
            saved,
            saved_sender,
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
            tasks: JoinSet::new(),
            probes: Probes::new(probed_sender),
        };
        sources.watch_over(async move {
            control::serve(listener, calls_sender).await;
            Ok(())
        });
        if model.xdp_mode != XdpMode::Off {
            sources.watch_over(netlink::watch(model.interfaces.clone(), interfaces_sender));
        }
        Ok(sources)
    }

    /// Runs a task that the controller cannot do without.
    pub(super) fn watch_over(&mut self, task: impl Future<Output = Result<()>> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Saves the admin states where the disk holds up nobody; an event tells when that is done.
    pub(super) fn save(&self, directory: PathBuf, admins: Admins) {
        let saved = self.saved_sender.clone();
        spawn_blocking(move || {
            let outcome = admin::file::write(&directory, &admins).map(|()| admins);
            // The loop may have ended.
            let _ = saved.blocking_send(outcome);
        });
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
            Some(()) = self.terminate.recv() => Some(Event::Stop("SIGTERM")),
            Some(()) = self.interrupt.recv() => Some(Event::Stop("SIGINT")),
            Some(probed) = self.probed.recv() => Some(Event::Probed(probed)),
            Some(snapshot) = self.interfaces.recv() => Some(Event::Interfaces(snapshot)),
            Some(call) = self.calls.recv() => Some(Event::Call(call)),
            Some(saved) = self.saved.recv() => Some(Event::Saved(saved)),
            Some(ended) = self.tasks.join_next() => Some(Event::Failed(failure(ended))),
            () = sleep => None,
        }
    }

    /// The next event of those that wait already; signals and failures come by `next`.
    pub(super) fn ready(&mut self) -> Option<Event> {
        let probed = self.probed.try_recv().map(Event::Probed);
        let interfaces = probed.or_else(|_| self.interfaces.try_recv().map(Event::Interfaces));
        interfaces.or_else(|_| self.calls.try_recv().map(Event::Call)).ok()
    }
}

fn failure(ended: Result<Result<()>, tokio::task::JoinError>) -> anyhow::Error {
    match ended {
        Ok(Err(error)) => error,
        Ok(Ok(())) => anyhow!("a task of the controller ended although it never should"),
        Err(panic) => anyhow!(panic).context("a task of the controller broke"),
    }
}
