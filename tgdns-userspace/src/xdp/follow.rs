//! The program follows the interfaces' devices, and comes back where somebody took it off.
//!
//! An interface is its name. A device that loses the name, deleted or renamed, loses the program; one that gets it, gets the
//! program. The links pinned in `pin_dir` are tgdns's own: a program that somebody put into one is replaced, and a link that
//! somebody detached is made again. A program that somebody else attached by other means is left alone.

use std::collections::BTreeMap;

use anyhow::{Error, Result};

use super::{FastPath, link};
use crate::netlink::Device;

/// What became of an interface.
#[derive(Debug)]
pub enum Followed {
    /// Its device is gone or has another name, and the program is off it.
    Left,
    /// There is a device, which has the program now.
    Attached,
    /// The same device, without the program; it is attached again by the same call, where that can be.
    Lost {
        /// The kernel's number of the program that is there now.
        program: Option<u32>,
    },
    /// The program could not be attached or taken off; the next call tries again.
    Failed(Error),
}

impl FastPath {
    /// Makes the program be on these devices, and on none of those that the missing interfaces were; what happened, in order. An
    /// interface that is neither was not looked at yet.
    pub fn follow(
        &mut self,
        devices: &BTreeMap<String, Device>,
        is_missing: impl Fn(&str) -> bool,
    ) -> Vec<(String, Followed)> {
        if self.is_waiting() {
            return Vec::new();
        }
        let mut followed = Vec::new();
        for (interface, index) in self.devices.clone() {
            let outcome = match devices.get(&interface) {
                None if is_missing(&interface) => self.leave(&interface),
                None => None,
                Some(device) if device.index != index => self.leave(&interface),
                Some(device) => self.lost(&interface, device),
            };
            if let Some(outcome) = outcome {
                if !matches!(outcome, Followed::Failed(_)) {
                    self.devices.remove(&interface);
                }
                followed.push((interface, outcome));
            }
        }
        let numbers = devices.iter().map(|(interface, device)| (interface.clone(), device.index));
        followed.extend(self.attach_to(&numbers.collect()));
        followed
    }

    /// Attaches the program to the devices, by their numbers, that it is not known to be on.
    pub(super) fn attach_to(&mut self, devices: &BTreeMap<String, u32>) -> Vec<(String, Followed)> {
        let mut followed = Vec::new();
        for (interface, index) in devices {
            if self.devices.contains_key(interface) {
                continue;
            }
            let outcome = match self.program.attach(interface, self.mode, &self.pin_directory) {
                Ok(_) => {
                    self.devices.insert(interface.clone(), *index);
                    Followed::Attached
                }
                Err(error) => Followed::Failed(error),
            };
            followed.push((interface.clone(), outcome));
        }
        followed
    }

    /// Whether the program runs on an interface's device, as far as the last [`Self::follow`] knows; while another version's
    /// answers in its place, that one.
    pub fn is_attached(&self, interface: &str) -> bool {
        match self.is_waiting() {
            true => link::is_attached(&self.pin_directory, interface),
            false => self.devices.contains_key(interface),
        }
    }

    /// Whether the devices were seen with the program, each of them. What was seen before it was attached is no proof that it
    /// still is.
    ///
    /// # Errors
    /// The kernel does not tell the program's number.
    pub fn is_on(&mut self, devices: &BTreeMap<String, Device>) -> Result<bool> {
        let own = self.program.number()?;
        Ok(devices.values().all(|device| device.program == Some(own)))
    }

    /// A device may live on under another name, with the program that the pinned link holds.
    fn leave(&self, interface: &str) -> Option<Followed> {
        let path = link::path(&self.pin_directory, interface);
        let left = if path.exists() { link::detach(interface, &path) } else { Ok(()) };
        Some(left.map_or_else(Followed::Failed, |()| Followed::Left))
    }

    /// Nothing where the program is on the device. What was seen may be older than the attachment, so the kernel has the last
    /// word.
    fn lost(&mut self, interface: &str, seen: &Device) -> Option<Followed> {
        let mut attached = || -> Result<_> {
            let own = self.program.number()?;
            if seen.program == Some(own) {
                return Ok(None);
            }
            let now = link::attachment(interface)?.map(|attached| attached.program_id);
            Ok((now != Some(own)).then_some(Followed::Lost { program: now }))
        };
        attached().unwrap_or_else(|error| Some(Followed::Failed(error)))
    }
}
