//! Commands that do not end though they were killed: the kernel waits for a disk, or somebody has stopped their supervisor.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{process::Child, time::timeout};

/// From so many on no other command is started.
pub(crate) const MOST: usize = 32;
/// A supervisor that has not ended so long after its command has, or was given up, hangs.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many there are of those that are counted together. Copies share the count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hung(Arc<AtomicUsize>);

impl Hung {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// # Errors
    /// Too many hang for another one to be started.
    pub(super) fn admit(&self) -> io::Result<()> {
        match self.count() {
            ..MOST => Ok(()),
            count => Err(io::Error::other(format!(
                "{count} commands hang though they were killed: see what those wait for that `pgrep -af ^tgdns-command` lists, and \
                 their children"
            ))),
        }
    }

    /// Waits for the end of a supervisor that has nothing left to wait for.
    pub(super) async fn watch(self, mut supervisor: Child) {
        if timeout(PATIENCE, supervisor.wait()).await.is_ok() {
            return;
        }
        let hung = self.0.fetch_add(1, Relaxed) + 1;
        // Each one's line would say no more.
        if hung.is_power_of_two() {
            let supervisor = supervisor.id();
            tracing::warn!(
                hung,
                supervisor,
                "a command does not end though it was killed; from {MOST} on none is run"
            );
        }
        // It is this process's child until it ends.
        let _ = supervisor.wait().await;
        if self.0.fetch_sub(1, Relaxed) == 1 {
            tracing::info!("no command hangs any more");
        }
    }
}
