//! The interfaces' devices and the service addresses: where this host answers, kept true through rtnetlink.
//!
//! The kernel's change messages (links, IPv4 and IPv6 addresses) are taken only as a sign that something changed;
//! what it changed to is read afresh and whole. So a lost message (ENOBUFS) is a sign like any other, messages
//! cannot be applied in a wrong order, and what is sent is what the kernel says. The subscription precedes the first
//! reading, so no change falls between the two; a change during a reading leads to another one.
//!
//! A network namespace belongs to a thread: all sockets are those of the thread that runs the task, so a task that
//! is to watch another namespace needs a thread that entered it and a current-thread runtime.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::Context as _;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use self::{changes::Changes, tables::Tables};

pub use self::service_address::ServiceAddress;

mod changes;
mod service_address;
mod tables;

/// Between attempts when the kernel refuses a reading or a subscription.
const RETRY: Duration = Duration::from_millis(200);

/// How often the kernel is asked at a start, before it counts as one that cannot be asked.
const FIRST_ATTEMPTS: u32 = 10;

/// Changes come in bursts (an address with its link, both families); a burst is one change.
const SETTLE: Duration = Duration::from_millis(2);

/// After a reading, so many times as long as it took nothing is read: a storm of changes on a host with many devices keeps
/// at most a fifth of a processor busy.
const REST: u32 = 4;

/// How often the devices are looked at although nothing was said of them: the kernel is silent about links of BPF programs
/// that are detached, or given another program.
const LOOK: Duration = Duration::from_secs(1);

/// What the kernel has of the configured interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Those that exist, by name.
    pub devices: BTreeMap<String, Device>,
    /// Those that do not, and what the devices that they were are called now, where these still exist.
    pub missing: BTreeMap<String, Option<String>>,
    pub services: BTreeSet<ServiceAddress>,
    /// How often messages of the kernel were lost, and all was read anew.
    pub overruns: u64,
}

/// An interface's device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// The kernel's number; one that took another one's place has its own.
    pub index: u32,
    pub carrier: Carrier,
    /// The kernel's number of its XDP program, whosever it is.
    pub program: Option<u32>,
}

/// Whether frames can arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Up,
    /// No cable, or nobody at its other end.
    Lost,
    /// As an administrator wants it.
    Down,
}

impl Carrier {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Lost => "no carrier",
            Self::Down => "down",
        }
    }
}

/// Sends the whole snapshot of the interfaces at the start and at each change, also of which interfaces are wanted.
///
/// Fails only before the first one: when an interface does not exist or the kernel cannot be asked. After that,
/// errors are logged and retried, and an interface that vanishes has no addresses until it returns. Ends when the
/// receiver is gone.
pub async fn watch(
    mut wanted: watch::Receiver<Vec<String>>,
    sender: mpsc::Sender<Snapshot>,
) -> anyhow::Result<()> {
    let mut changes = Changes::subscribe().context("cannot subscribe to address changes")?;
    let tables = read_first().await.context("cannot read this host's links and addresses")?;
    let mut interfaces = wanted.borrow_and_update().clone();
    tables.require(&interfaces)?;
    let mut sent = tables.snapshot(&interfaces);
    let mut last_devices = sent.devices.clone();
    let mut receiver_is_there = sender.send(sent.clone()).await.is_ok();
    let mut rested_at = Instant::now();
    while receiver_is_there {
        tokio::select! {
            () = changes.next() => {}
            Ok(()) = wanted.changed() => interfaces.clone_from(&wanted.borrow_and_update()),
            () = tokio::time::sleep(LOOK) => if tables::are_still(&sent.devices).await { continue },
            () = sender.closed() => break,
        }
        tokio::time::sleep_until(rested_at.max(Instant::now() + SETTLE)).await;
        changes.forget();
        let began = Instant::now();
        let tables = read(&mut changes).await;
        rested_at = Instant::now() + REST * began.elapsed();
        let mut snapshot = tables.snapshot(&interfaces);
        last_devices.extend(snapshot.devices.clone());
        last_devices.retain(|name, _| interfaces.contains(name));
        snapshot.missing = tables.renamed(&interfaces, &last_devices);
        snapshot.overruns = changes.overruns();
        if snapshot != sent {
            receiver_is_there = sender.send(snapshot.clone()).await.is_ok();
            sent = snapshot;
        }
    }
    Ok(())
}

/// Reads the tables at the start, when whatever else starts may keep the processor for longer than the kernel is waited for.
async fn read_first() -> anyhow::Result<Tables> {
    for _ in 1..FIRST_ATTEMPTS {
        match Tables::read().await {
            Ok(tables) => return Ok(tables),
            Err(error) => tracing::warn!("cannot read this host's addresses, trying again: {error:#}"),
        }
        tokio::time::sleep(RETRY).await;
    }
    Tables::read().await
}

/// Reads the tables, however often it takes.
async fn read(changes: &mut Changes) -> Tables {
    loop {
        match Tables::read().await {
            Ok(tables) => return tables,
            Err(error) => tracing::warn!("cannot read this host's addresses, trying again: {error:#}"),
        }
        tokio::time::sleep(RETRY).await;
        changes.forget();
    }
}

#[cfg(test)]
mod tests;
