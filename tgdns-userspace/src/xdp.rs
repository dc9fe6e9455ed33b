//! The fast path's life: load, attach, pin, detach.
//!
//! What is pinned stays when the controller ends: a dead controller never silences the name.

use std::path::Path;

use anyhow::Result;

use crate::{cluster::Model, image::Image, maps::Maps};
use lock::Lock;

#[cfg(feature = "log-frames")]
mod frames;
pub mod link;
mod lock;
mod pins;
mod program;

pub use pins::{detach, turn_off};
pub(crate) use program::test_run;
pub use program::{PROGRAM, Program};

/// The attached program of a running controller.
pub struct FastPath {
    program: Program,
    _lock: Lock,
}

/// What a publication did.
pub struct Published {
    /// Entries that were written.
    pub changed: usize,
}

impl FastPath {
    /// Loads the program, with the maps that are pinned, and attaches it to every interface and to no other. Where it was
    /// attached, it replaces its predecessor without a gap.
    ///
    /// # Errors
    /// Says what to do. What this call attached and pinned is removed again, and what answered before still does.
    pub fn start(model: &Model) -> Result<Self> {
        let directory = &model.pin_directory;
        let mut lock = Lock::create(directory)?;
        let before = pins::all(directory)?;
        match Program::load(Some(directory)).and_then(|program| attach_all(program, model)) {
            Ok(program) => {
                lock.keep_directory();
                Ok(Self { program, _lock: lock })
            }
            Err(error) => {
                // Links that were replaced keep their pins, and answer from the same maps as before.
                let added = pins::all(directory).map(|mut pins| {
                    pins.retain(|pin| !before.contains(pin));
                    pins
                });
                if let Err(left) = added.and_then(pins::remove) {
                    tracing::warn!("what this start pinned is still there: {left:#}");
                }
                Err(error)
            }
        }
    }

    /// Makes the maps say what the image says.
    ///
    /// # Errors
    /// A refused write.
    pub fn publish(&mut self, image: &Image) -> Result<Published> {
        self.program.publish(image)
    }
}

/// Attaches a program everywhere, or nowhere.
fn attach_all(mut program: Program, model: &Model) -> Result<Program> {
    let directory = &model.pin_directory;
    #[cfg(feature = "log-frames")]
    program.log_frames()?;
    let mut switched = Vec::new();
    let mut attach = || {
        for interface in &model.interfaces {
            let attached = program.attach(interface, model.xdp_mode, directory)?;
            if let link::Attached::Switched { from } = attached {
                switched.push((interface, from));
            }
        }
        pins::detach_others(directory, &model.interfaces)
    };
    match attach() {
        Ok(()) => Ok(program),
        Err(error) => {
            for (interface, mode) in switched.into_iter().rev() {
                if let Err(lost) = program.attach(interface, mode, directory) {
                    tracing::error!(
                        interface,
                        "the fast path could not be attached as it was before: {lost:#}"
                    );
                }
            }
            Err(error)
        }
    }
}

/// The fast path's counters, from the pinned map.
///
/// # Errors
/// Nothing is pinned there, or by another version.
pub fn counters(pin_directory: &Path) -> Result<Vec<(&'static str, u64)>> {
    Maps::from_pins(pin_directory)?.counters()
}
