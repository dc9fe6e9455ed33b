//! The fast path's life: load, attach, pin, detach.
//!
//! What is pinned stays when the controller ends: a dead controller never silences the name.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Result;
use nix::net::if_::if_nametoindex;

use crate::{
    cluster::{Model, XdpMode},
    image::Image,
    maps::Maps,
    self_test::{Age, Findings, News},
};
use beat::Predecessors;
use lock::Lock;

mod beat;
mod first;
mod follow;
#[cfg(feature = "log-frames")]
mod frames;
pub mod link;
mod lock;
mod pins;
mod program;
mod staging;

pub use follow::Followed;
pub use pins::{detach, turn_off};
pub(crate) use program::test_run;
pub use program::{PROGRAM, Program};

/// The attached program of a running controller.
pub struct FastPath {
    program: Program,
    mode: XdpMode,
    pin_directory: PathBuf,
    /// The devices that the program was attached to: the kernel's number of each, by interface.
    devices: BTreeMap<String, u32>,
    /// While they answer until this one takes over.
    predecessors: Option<Predecessors>,
    findings: Findings,
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
    /// Where what is attached answers from maps that can't be adopted, it goes on until [`Self::take_over`].
    ///
    /// # Errors
    /// Says what to do. What this call attached and pinned is removed again, and what answered before still does.
    pub fn start(model: &Model) -> Result<Self> {
        let directory = &model.pin_directory;
        let mut lock = Lock::create(directory)?;
        let before = pins::all(directory)?;
        // Before they are attached: of one that is replaced meanwhile the old number is kept, and the new one is news.
        let devices = numbers(&model.interfaces);
        match load(model) {
            Ok(Loaded { program, findings, predecessors }) => {
                lock.keep_directory();
                let (pin_directory, mode) = (directory.clone(), model.xdp_mode);
                let devices = if predecessors.is_some() { BTreeMap::new() } else { devices };
                Ok(Self { program, mode, pin_directory, devices, predecessors, findings, _lock: lock })
            }
            Err(error) => {
                // Links that were replaced keep their pins, and answer from the same maps as before.
                let added = pins::all(directory).map(|mut pins| {
                    pins.retain(|pin| !before.contains(pin));
                    pins
                });
                let removed = added.and_then(pins::remove).and_then(|_| staging::remove(directory));
                if let Err(left) = removed {
                    tracing::warn!("what this start pinned is still there: {left:#}");
                }
                Err(error)
            }
        }
    }

    /// Whether another version's program answers until this one's maps have every name: [`Self::take_over`].
    pub fn is_waiting(&self) -> bool {
        self.predecessors.is_some()
    }

    /// Puts the program, whose maps say what the image says and are fresh for some time, in the place of the one that could not share its
    /// maps with it, and the pins of its maps in the place of the others. Interfaces that fail are left to [`Self::follow`].
    ///
    /// # Errors
    /// The program does not answer as the image says, or the pins could not be replaced; call it again then.
    pub fn take_over(&mut self, interfaces: &[String], image: &Image, lasts: Duration) -> Result<()> {
        // From its first frame on it is to be heard that the controller lives. While this fails the other one's answers become stale.
        self.program.beat(lasts)?;
        self.findings.check(image, &[Age::Fresh], |frame| self.program.self_test(frame))?;
        let predecessors = self.predecessors.take();
        for (interface, outcome) in self.attach_to(&numbers(interfaces)) {
            if let Followed::Failed(error) = outcome {
                tracing::error!(interface, "the fast path is not attached: {error:#}");
            }
        }
        let committed = staging::commit(&self.pin_directory);
        if let Err(error) = committed.and_then(|()| self.program.moved_to(&self.pin_directory)) {
            self.predecessors = predecessors;
            return Err(error);
        }
        self.leave_others(interfaces)?;
        tracing::info!("the fast path answers from its own maps");
        Ok(())
    }

    /// Attaches the program to the interfaces that it is not attached to yet.
    ///
    /// # Errors
    /// Says what to do; then it is attached to none of them.
    pub fn attach_more(&mut self, interfaces: &[String]) -> Result<()> {
        if self.is_waiting() {
            return Ok(());
        }
        let more: Vec<&String> = interfaces
            .iter()
            .filter(|interface| !link::path(&self.pin_directory, interface).exists())
            .collect();
        for (place, interface) in more.iter().enumerate() {
            let device = if_nametoindex(interface.as_str());
            if let Err(error) = self.program.attach(interface, self.mode, &self.pin_directory) {
                let kept = |known: &String| !more.iter().take(place).any(|attached| *attached == known);
                let kept: Vec<String> = self.devices.keys().filter(|known| kept(known)).cloned().collect();
                self.leave_others(&kept)?;
                return Err(error);
            }
            self.devices.extend(device.map(|device| ((*interface).clone(), device)));
        }
        Ok(())
    }

    /// Detaches the program from all interfaces but these.
    ///
    /// # Errors
    /// The kernel keeps it on one.
    pub fn leave_others(&mut self, interfaces: &[String]) -> Result<()> {
        self.devices.retain(|interface, _| interfaces.contains(interface));
        pins::detach_others(&self.pin_directory, interfaces)
    }

    /// Makes the maps say what the image says.
    ///
    /// # Errors
    /// A refused write.
    pub fn publish(&mut self, image: &Image) -> Result<Published> {
        self.program.publish(image)
    }

    /// Lets the answers be fresh for some time from now on, those of another version that still answers, too.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn beat(&mut self, lasts: Duration) -> Result<()> {
        self.program.beat(lasts)?;
        self.predecessors.as_ref().map_or(Ok(()), |predecessors| predecessors.beat(lasts))
    }

    /// The counters without what the self-test has asked.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn counters(&self) -> Result<Vec<(&'static str, u64)>> {
        let asked = self.findings.counted().values();
        let counters = self.program.counters()?.into_iter().zip(asked);
        Ok(counters.map(|((name, count), asked)| (name, count.saturating_sub(*asked))).collect())
    }

    /// Clients that the program has limited since the last time, one of each CPU at most.
    ///
    /// # Errors
    /// The map cannot be read or written.
    pub fn take_limited(&mut self) -> Result<BTreeSet<IpAddr>> {
        self.program.take_limited()
    }

    /// Asks the program the next questions of the self-test, until that time.
    ///
    /// # Errors
    /// It can't be run.
    pub fn self_test(&mut self, image: &Image, until: Instant) -> Result<News> {
        self.findings.ask_some(image, until, |frame| self.program.self_test(frame))
    }

    /// What the self-test has found.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// What the maps say.
    ///
    /// # Errors
    /// They contradict themselves.
    pub fn image(&self) -> Result<Image> {
        self.program.image()
    }

    /// When [`Self::tidy`] has something to do.
    pub fn tidy_at(&self) -> Option<Instant> {
        self.program.tidy_at()
    }

    /// Removes what the last publications have left in the maps and no program reads any more.
    ///
    /// # Errors
    /// A refused write.
    pub fn tidy(&mut self) -> Result<()> {
        self.program.tidy()
    }
}

fn numbers(interfaces: &[String]) -> BTreeMap<String, u32> {
    let number = |interface: &String| Some((interface.clone(), if_nametoindex(interface.as_str()).ok()?));
    interfaces.iter().filter_map(number).collect()
}

struct Loaded {
    program: Program,
    findings: Findings,
    /// While they answer: the program is not attached then.
    predecessors: Option<Predecessors>,
}

/// Loads the program, tests it and attaches it; where that is to wait, it is not attached.
fn load(model: &Model) -> Result<Loaded> {
    let directory = &model.pin_directory;
    let mut findings = Findings::default();
    let Some(reason) = staging::reason(directory)? else {
        let mut program = load_with_maps(directory)?;
        let image = program.image()?;
        findings.check(&image, &Age::UNKNOWN, |frame| program.self_test(frame))?;
        return Ok(Loaded { program: attach_all(program, model)?, findings, predecessors: None });
    };
    // A start that was killed while it took over has left two, and either may be the one that answers.
    let predecessors = Predecessors::open(&[directory, &staging::directory(directory)]);
    let mut program = load_with_maps(&staging::prepare(directory)?)?;
    first::check(&mut program, &mut findings, model)?;
    if link::pinned(directory)?.is_empty() {
        program = attach_all(program, model)?;
        staging::commit(directory)?;
        program.moved_to(directory)?;
        return Ok(Loaded { program, findings, predecessors: None });
    }
    tracing::warn!("{reason}: what is attached goes on answering until this version's maps have every name");
    if predecessors.is_empty() {
        tracing::warn!(
            "no program {} is pinned in {}: without it what is attached does not hear that this controller lives, and              may take its answers for stale meanwhile",
            beat::NAME,
            directory.display()
        );
    }
    Ok(Loaded { program, findings, predecessors: Some(predecessors) })
}

fn load_with_maps(directory: &Path) -> Result<Program> {
    let program = Program::load(Some(directory))?;
    #[cfg(feature = "log-frames")]
    let program = {
        let mut program = program;
        program.log_frames()?;
        program
    };
    Ok(program)
}

/// Attaches a program everywhere, or nowhere.
fn attach_all(mut program: Program, model: &Model) -> Result<Program> {
    let directory = &model.pin_directory;
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
