//! The fast path's life: load, attach, pin, detach.
//!
//! What is pinned stays when the controller ends: a dead controller never silences the name.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use aya::{
    Ebpf, EbpfLoader,
    programs::{TestRunOptions, Xdp},
};

use crate::{
    cluster::{Model, XdpMode},
    image::Image,
    maps::{self, Maps},
};

#[cfg(feature = "log-frames")]
mod frames;
pub mod link;

const OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tgdns-ebpf"));

/// The program's name in the object.
pub const PROGRAM: &str = "tgdns";

/// The attached program of a running controller.
pub struct FastPath {
    program: Program,
}

/// What a publication did.
pub struct Published {
    /// Entries that were written.
    pub changed: usize,
}

impl FastPath {
    /// Loads the program, with the maps that are pinned, and attaches it to every interface. Where it was attached, it
    /// replaces its predecessor without a gap.
    ///
    /// # Errors
    /// Says what to do. What this call attached and pinned is removed again.
    pub fn start(model: &Model) -> Result<Self> {
        let before = pins(&model.pin_directory)?;
        match Self::attach(model) {
            Ok(fast_path) => Ok(fast_path),
            Err(error) => {
                // Links that were replaced keep their pins, and answer with the maps that they had.
                let added = pins(&model.pin_directory).map(|mut pins| {
                    pins.retain(|pin| !before.contains(pin));
                    pins
                });
                if let Err(left) = added.and_then(|added| remove(&model.pin_directory, added)) {
                    tracing::warn!("what this start pinned is still there: {left:#}");
                }
                Err(error)
            }
        }
    }

    fn attach(model: &Model) -> Result<Self> {
        let mut program = Program::load(Some(&model.pin_directory))?;
        for interface in &model.interfaces {
            program.attach(interface, model.xdp_mode, &model.pin_directory)?;
        }
        #[cfg(feature = "log-frames")]
        frames::log(&mut program.ebpf)?;
        Ok(Self { program })
    }

    /// Makes the maps say what the image says.
    ///
    /// # Errors
    /// A refused write.
    pub fn publish(&mut self, image: &Image) -> Result<Published> {
        self.program.publish(image)
    }
}

/// The program in the kernel, and its maps.
pub struct Program {
    ebpf: Ebpf,
    maps: Maps,
}

impl Program {
    /// Loads it. Its maps are pinned in the directory, or, where they are already, taken from there.
    ///
    /// # Errors
    /// The verifier's last words, or pins of another version.
    pub fn load(pin_directory: Option<&Path>) -> Result<Self> {
        let mut loader = EbpfLoader::new();
        if let Some(directory) = pin_directory {
            std::fs::create_dir_all(directory)
                .with_context(|| format!("cannot create pin_dir {}", directory.display()))?;
            maps::check_pins(directory)?;
            for name in maps::NAMES {
                loader.map_pin_path(name, directory.join(name));
            }
        }
        let mut ebpf = loader.load(OBJECT).context("the kernel refuses the maps of the fast path")?;
        let maps =
            Maps::new(|name| ebpf.take_map(name).with_context(|| format!("the object has no map {name}")))?;
        xdp(&mut ebpf)?.load().context("the kernel refuses the program of the fast path")?;
        Ok(Self { ebpf, maps })
    }

    /// Attaches it to an interface, and pins the link.
    ///
    /// # Errors
    /// The driver refuses the mode, another program is attached, and so on; says what to do.
    pub fn attach(&mut self, interface: &str, mode: XdpMode, pin_directory: &Path) -> Result<link::Attached> {
        link::attach(xdp(&mut self.ebpf)?, interface, mode, pin_directory)
    }

    /// Makes the maps say what the image says.
    ///
    /// # Errors
    /// A refused write.
    pub fn publish(&mut self, image: &Image) -> Result<Published> {
        self.maps.publish(image).map(|changed| Published { changed })
    }

    /// All counters by name.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn counters(&self) -> Result<Vec<(&'static str, u64)>> {
        self.maps.counters()
    }

    /// Runs it on a frame (BPF_PROG_TEST_RUN), `repeat` times; gives the last run's action and frame.
    ///
    /// # Errors
    /// The kernel refuses, as for frames of less than 14 bytes.
    pub fn test_run(&mut self, frame: &[u8], repeat: u32) -> Result<(u32, Vec<u8>)> {
        test_run(xdp(&mut self.ebpf)?, frame, repeat)
    }

    /// How many instructions the verifier walked.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub fn verified_instructions(&mut self) -> Result<u32> {
        xdp(&mut self.ebpf)?.info()?.verified_instruction_count().context("the kernel does not tell")
    }
}

/// Runs a program on a frame.
pub(crate) fn test_run(program: &Xdp, frame: &[u8], repeat: u32) -> Result<(u32, Vec<u8>)> {
    use aya::TestRun as _;

    let mut out = vec![0; 4096];
    let mut options = TestRunOptions::new();
    options.data_in = Some(frame);
    options.data_out = Some(&mut out);
    options.repeat = repeat;
    let result = program.test_run(options).context("the kernel cannot run the program on this frame")?;
    let length = result.data_size_out as usize;
    out.truncate(length);
    Ok((result.return_value, out))
}

fn xdp(ebpf: &mut Ebpf) -> Result<&mut Xdp> {
    let program =
        ebpf.program_mut(PROGRAM).with_context(|| format!("the object has no program {PROGRAM}"))?;
    Ok(program.try_into()?)
}

/// The fast path's counters, from the pinned map.
///
/// # Errors
/// Nothing is pinned there, or by another version.
pub fn counters(pin_directory: &Path) -> Result<Vec<(&'static str, u64)>> {
    Maps::from_pins(pin_directory)?.counters()
}

/// Removes all pins, links first: with its link's last pin a program is detached. Gives the names of what was removed.
///
/// # Errors
/// A pin that cannot be removed.
pub fn detach(pin_directory: &Path) -> Result<Vec<String>> {
    remove(pin_directory, pins(pin_directory)?)
}

/// All pins of the fast path in a directory, links first.
fn pins(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut pins: Vec<PathBuf> = link::pinned(directory)?.into_iter().map(|(_, path)| path).collect();
    pins.extend(maps::NAMES.map(|name| directory.join(name)).into_iter().filter(|path| path.exists()));
    Ok(pins)
}

fn remove(directory: &Path, pins: impl IntoIterator<Item = PathBuf>) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    for path in pins {
        std::fs::remove_file(&path).with_context(|| format!("cannot remove the pin {}", path.display()))?;
        removed.push(path.display().to_string());
    }
    // Only an empty directory goes; what somebody else keeps there stays.
    let _ = std::fs::remove_dir(directory);
    Ok(removed)
}
