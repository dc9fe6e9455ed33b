//! The fast path on interfaces whose devices go, change and come back.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::Controller;
use crate::{
    netlink::{Carrier, Device, Snapshot},
    status::Link,
    xdp::{FastPath, Followed},
};
use counts::Counts;

mod counts;

/// A driver that has just been loaded may refuse at first.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Attachments {
    /// What the kernel had last; nothing before it told.
    seen: Option<Snapshot>,
    due_at: Option<Instant>,
    /// Why an interface can't be attached, as it was logged last.
    refused: BTreeMap<String, String>,
    /// Interfaces that the program was taken off.
    off: BTreeSet<String>,
    counts: Counts,
}

impl Attachments {
    pub(super) fn see(&mut self, snapshot: Snapshot) {
        self.counts.changes += 1;
        if let Some(before) = self.seen.replace(snapshot) {
            self.tell(&before);
        }
        self.look_again();
    }

    /// Something may have to be attached.
    pub(super) fn look_again(&mut self) {
        self.due_at = Some(Instant::now());
    }

    /// When there is something to do.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    /// Names and numbers for `tgdns stats`.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts.all()
    }

    /// What is known of an interface, for `tgdns status`; `attached` is what the fast path knows.
    pub(super) fn link(&self, interface: &str, attached: bool) -> Link {
        let Some(seen) = &self.seen else { return Link { attached, ..Link::default() } };
        let absence = seen.missing.get(interface).map(|name| match name {
            Some(name) => format!("its device is called {name} now"),
            None => "its device is gone".to_owned(),
        });
        let device = seen.devices.get(interface);
        Link {
            attached,
            carrier: device.map(|device| device.carrier.as_str().to_owned()),
            problem: self.refused.get(interface).cloned().or(absence),
        }
    }

    /// When that is due: attaches the program to the wanted interfaces, and takes it off devices that are none any more.
    pub(super) fn settle(&mut self, fast_path: &mut FastPath, wanted: impl Fn(&str) -> bool, now: Instant) {
        let Some(seen) = &self.seen else { return };
        let devices = seen.devices.iter().filter(|(name, _)| wanted(name));
        let devices: BTreeMap<String, Device> =
            devices.map(|(name, device)| (name.clone(), *device)).collect();
        let mut refused = BTreeMap::new();
        for (interface, followed) in
            fast_path.follow(&devices, |interface| seen.missing.contains_key(interface))
        {
            match followed {
                Followed::Left => {
                    tracing::warn!(interface, "the fast path is off the device that had this name");
                    self.off.insert(interface);
                }
                Followed::Lost { program } => {
                    self.counts.taken_off += 1;
                    let there = program.map_or("none".to_owned(), |program| program.to_string());
                    tracing::warn!(interface, program = there, "somebody has taken the fast path off");
                    self.off.insert(interface);
                }
                Followed::Attached => {
                    self.counts.attached_again += u64::from(self.off.remove(&interface));
                }
                Followed::Failed(error) => {
                    self.counts.refused += 1;
                    let cause = format!("{error:#}");
                    // Each second the same would hide all else.
                    if self.refused.get(&interface) != Some(&cause) {
                        tracing::error!(
                            interface,
                            "the fast path is not attached, trying again each second: {cause}"
                        );
                    }
                    refused.insert(interface, cause);
                }
            }
        }
        // Until it was seen, somebody may have taken it off unseen.
        let is_settled = refused.is_empty() && fast_path.is_on(&devices).unwrap_or(false);
        self.due_at = (!is_settled).then(|| now + AGAIN_AFTER);
        self.refused = refused;
        self.off.retain(|interface| wanted(interface));
    }

    /// What is other than it was before.
    fn tell(&mut self, before: &Snapshot) {
        let Some(seen) = &self.seen else { return };
        if seen.overruns != before.overruns {
            self.counts.overruns += seen.overruns - before.overruns;
            tracing::warn!("messages of the kernel about interfaces were lost: all was read anew");
        }
        for (interface, name) in seen.missing.iter().filter(|(name, _)| !before.missing.contains_key(*name)) {
            self.counts.gone += 1;
            let now =
                name.as_ref().map_or(String::new(), |name| format!(", its device is called {name} now"));
            tracing::warn!("interface {interface} is gone{now}; it is answered on again when it returns");
        }
        for (interface, device) in &seen.devices {
            let Some(old) = before.devices.get(interface) else {
                if before.missing.contains_key(interface) {
                    tracing::info!("interface {interface} is back");
                }
                continue;
            };
            if old.index != device.index {
                self.counts.gone += 1;
                tracing::warn!("interface {interface} is another device now");
            }
            if old.carrier != device.carrier {
                self.counts.link_down += u64::from(old.carrier == Carrier::Up);
                tracing::info!(interface, from = old.carrier.as_str(), to = device.carrier.as_str(), "link");
            }
        }
    }
}

impl Controller {
    /// Takes in what the kernel has of the interfaces; some may be those of the configuration that held before.
    pub(super) fn see(&mut self, snapshot: Snapshot) {
        for roster in self.rosters_mut() {
            let interfaces = roster.model().interfaces.clone();
            let here = snapshot.services.iter().filter(|service| interfaces.contains(&service.interface));
            roster.set_services(here.cloned().collect());
        }
        self.attachments.see(snapshot);
    }

    /// Attaches what is due, and tidies up behind a reload.
    pub(super) fn settle_fast_path(&mut self, now: Instant) {
        let is_due = self.attachments.due_at().is_some_and(|due_at| due_at <= now);
        let wanted =
            self.rosters().filter(|_| is_due).flat_map(|roster| roster.model().interfaces.iter().cloned());
        let wanted: BTreeSet<String> = wanted.collect();
        let Some(fast_path) = &mut self.fast_path else { return };
        if is_due {
            self.attachments.settle(fast_path, |name| wanted.contains(name), now);
        }
        if fast_path.tidy_at().is_some_and(|tidy_at| tidy_at <= now)
            && let Err(error) = fast_path.tidy()
        {
            tracing::warn!("what the last configuration left in the maps is still there: {error:#}");
        }
    }
}
