//! The program `beat`, which tells the fast path that a controller lives: this version's own, and that of another version that
//! still answers.
//!
//! It is pinned beside the maps that it writes to. What it is run on has the same form in all layouts, so who can't write
//! another version's maps can still let its answers be fresh.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use aya::programs::Xdp;
use aya_obj::programs::XdpAttachType;
use tgdns_common::tables::Beat;

use super::program::test_run;
use crate::heartbeat;

/// The program's name in the object, and its pin's.
pub(super) const NAME: &str = "beat";

/// XDP_PASS, of enum xdp_action in linux/bpf.h.
const PASS: u32 = 2;

/// Lets the answers of the maps that the program belongs to be fresh for some time from now on.
///
/// # Errors
/// The kernel refuses.
pub(super) fn run(program: &Xdp, lasts: Duration) -> Result<Beat> {
    let said = Beat { ticks: heartbeat::ticks(lasts)?.to_be_bytes(), ..Beat::default() };
    let (action, told) = test_run(program, bytemuck::bytes_of(&said), 1)?;
    ensure!(action == PASS, "the program {NAME} fails");
    bytemuck::try_pod_read_unaligned(&told).map_err(|error| anyhow!("{error}"))
}

/// Pins it in a directory, in the place of the one there.
///
/// # Errors
/// A refused change of the directory.
pub(super) fn pin(program: &mut Xdp, directory: &Path) -> Result<()> {
    let path = directory.join(NAME);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove the pin {}", path.display()));
        }
        Ok(()) | Err(_) => {}
    }
    program.pin(&path).with_context(|| format!("cannot pin the program {NAME} at {}", path.display()))
}

/// Those of the programs that may answer until this version's takes over.
pub(super) struct Predecessors(Vec<Xdp>);

impl Predecessors {
    /// From their pins in these directories. Where one can't be opened, what has happened is told, and no more.
    pub(super) fn open(directories: &[&Path]) -> Self {
        let pins = directories.iter().map(|directory| directory.join(NAME)).filter(|path| path.exists());
        let open = |path: PathBuf| {
            Xdp::from_pin(&path, XdpAttachType::Interface)
                .inspect_err(|error| tracing::warn!("cannot open the pin {}: {error}", path.display()))
                .ok()
        };
        Self(pins.filter_map(open).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As [`run`], of each.
    ///
    /// # Errors
    /// The kernel refuses one; the others are run all the same.
    pub(super) fn beat(&self, lasts: Duration) -> Result<()> {
        let outcomes: Vec<Result<Beat>> = self.0.iter().map(|program| run(program, lasts)).collect();
        outcomes
            .into_iter()
            .collect::<Result<Vec<Beat>>>()
            .map(drop)
            .context("the version that still answers")
    }
}
