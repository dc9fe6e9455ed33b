//! The fast path on interfaces whose devices go and come back.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::Controller;
use crate::{netlink::Snapshot, xdp::FastPath};

/// A driver that has just been loaded may refuse at first.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Attachments {
    /// The kernel's number of each interface's device, where they were seen.
    devices: Option<BTreeMap<String, u32>>,
    due_at: Option<Instant>,
    /// What was logged last of an interface that can't be attached.
    told: BTreeMap<String, String>,
}

impl Attachments {
    pub(super) fn see(&mut self, devices: BTreeMap<String, u32>) {
        self.devices = Some(devices);
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

    pub(super) fn settle(&mut self, fast_path: &mut FastPath, now: Instant) {
        let (Some(devices), Some(due_at)) = (&self.devices, self.due_at) else { return };
        if now < due_at {
            return;
        }
        let failed = fast_path.follow(devices);
        self.due_at = (!failed.is_empty()).then(|| now + AGAIN_AFTER);
        let failed: BTreeMap<String, String> =
            failed.into_iter().map(|(interface, error)| (interface, format!("{error:#}"))).collect();
        for (interface, cause) in &failed {
            // Each second the same would hide all else.
            if self.told.get(interface) != Some(cause) {
                tracing::error!(
                    interface,
                    "the fast path is not attached, trying again each second: {cause}"
                );
            }
        }
        self.told = failed;
    }
}

impl Controller {
    /// Takes in what the kernel has of the interfaces; some may be those of the configuration that held before.
    pub(super) fn see(&mut self, Snapshot { mut devices, services }: Snapshot) {
        devices.retain(|name, _| self.rosters().any(|roster| roster.model().interfaces.contains(name)));
        self.attachments.see(devices);
        for roster in self.rosters_mut() {
            let interfaces = roster.model().interfaces.clone();
            let here = services.iter().filter(|service| interfaces.contains(&service.interface));
            roster.set_services(here.cloned().collect());
        }
    }

    /// Attaches what is due, and tidies up behind a reload.
    pub(super) fn settle_fast_path(&mut self, now: Instant) {
        let Some(fast_path) = &mut self.fast_path else { return };
        self.attachments.settle(fast_path, now);
        if fast_path.tidy_at().is_some_and(|tidy_at| tidy_at <= now)
            && let Err(error) = fast_path.tidy()
        {
            tracing::warn!("what the last configuration left in the maps is still there: {error:#}");
        }
    }
}
