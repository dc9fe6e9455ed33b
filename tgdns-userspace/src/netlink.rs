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
use tokio::sync::{mpsc, watch};

use self::{changes::Changes, tables::Tables};

pub use self::service_address::ServiceAddress;

mod changes;
mod service_address;
mod tables;

/// Between attempts when the kernel refuses a reading or a subscription.
const RETRY: Duration = Duration::from_millis(200);

/// What the kernel has of the configured interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The kernel's number of each that exists, by name. One that was replaced has another number.
    pub devices: BTreeMap<String, u32>,
    pub services: BTreeSet<ServiceAddress>,
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
    let tables = Tables::read().await.context("cannot read this host's links and addresses")?;
    let mut interfaces = wanted.borrow_and_update().clone();
    tables.require(&interfaces)?;
    let mut missing = Vec::new();
    let mut sent = tables.snapshot(&interfaces);
    let mut receiver_is_there = sender.send(sent.clone()).await.is_ok();
    while receiver_is_there {
        tokio::select! {
            () = changes.next() => {}
            Ok(()) = wanted.changed() => interfaces.clone_from(&wanted.borrow_and_update()),
            () = sender.closed() => break,
        }
        let tables = read(&mut changes).await;
        tell_missing(&mut missing, tables.missing(&interfaces));
        let snapshot = tables.snapshot(&interfaces);
        if snapshot != sent {
            receiver_is_there = sender.send(snapshot.clone()).await.is_ok();
            sent = snapshot;
        }
    }
    Ok(())
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

fn tell_missing(known: &mut Vec<String>, missing: Vec<String>) {
    for name in missing.iter().filter(|name| !known.contains(name)) {
        tracing::warn!("interface {name} is gone; it is answered on again when it returns");
    }
    for name in known.iter().filter(|name| !missing.contains(name)) {
        tracing::info!("interface {name} is back");
    }
    *known = missing;
}

#[cfg(test)]
mod tests;
