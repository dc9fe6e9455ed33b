//! What is pinned in a directory of the BPF file system, and its removal.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::{link, lock::Lock};
use crate::maps;

/// Removes all pins, links first: with its link's last pin a program is detached. Gives the names of what was removed.
///
/// # Errors
/// A controller that still writes there, or a pin that cannot be removed.
pub fn detach(pin_directory: &Path) -> Result<Vec<String>> {
    let Some(_lock) = Lock::take(pin_directory)? else { return Ok(Vec::new()) };
    let mut removed = Vec::new();
    for (interface, path) in link::pinned(pin_directory)? {
        link::detach(&interface, &path)?;
        removed.push(path);
    }
    removed.extend(remove(maps_in(pin_directory))?);
    // Only an empty directory goes; what somebody else keeps there stays.
    let _ = fs::remove_dir(pin_directory);
    Ok(removed.iter().map(|path| path.display().to_string()).collect())
}

/// All pins of the fast path in a directory, links first.
pub(super) fn all(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut pins: Vec<PathBuf> = link::pinned(directory)?.into_iter().map(|(_, path)| path).collect();
    pins.extend(maps_in(directory));
    Ok(pins)
}

fn maps_in(directory: &Path) -> Vec<PathBuf> {
    maps::NAMES.map(|name| directory.join(name)).into_iter().filter(|path| path.exists()).collect()
}

pub(super) fn remove(pins: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
    for path in &pins {
        fs::remove_file(path).with_context(|| format!("cannot remove the pin {}", path.display()))?;
    }
    Ok(pins)
}
