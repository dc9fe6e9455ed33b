//! What is pinned in a directory of the BPF file system, and its removal.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::{beat, link, lock::Lock, staging};
use crate::{cluster::Model, maps};

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
    removed.extend(remove(beside_links(pin_directory))?);
    // Only empty directories go; what somebody else keeps there stays.
    let _ = staging::remove(pin_directory);
    let _ = fs::remove_dir(pin_directory);
    Ok(removed.iter().map(|path| path.display().to_string()).collect())
}

/// Detaches what an earlier run left, for one that is to answer from its sockets alone: the fast path would answer in front of
/// them, with what was published last.
///
/// # Errors
/// As [`detach`].
pub fn turn_off(model: &Model) -> Result<()> {
    let directory = &model.pin_directory;
    match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => tell_unseen(model),
        Ok(_) if !all(directory)?.is_empty() => {
            for pin in detach(directory)? {
                tracing::info!(pin, "xdp_mode is \"off\": removed what an earlier run had pinned");
            }
        }
        // `detach` would remove an empty directory that somebody prepared.
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", directory.display())),
    }
    Ok(())
}

/// Without rights to see pins, what is attached can still be asked for.
fn tell_unseen(model: &Model) {
    for interface in &model.interfaces {
        if let Ok(Some(attached)) = link::attachment(interface) {
            let directory = model.pin_directory.display();
            tracing::warn!(
                interface,
                program = attached.program_id,
                "xdp_mode is \"off\", but a program is attached: if an earlier run left it, remove it as root, with \
                 `tgdns detach --pin-dir {directory}`"
            );
        }
    }
}

/// Detaches the fast path from the interfaces that are no longer configured.
pub(super) fn detach_others(pin_directory: &Path, interfaces: &[String]) -> Result<()> {
    for (interface, path) in link::pinned(pin_directory)? {
        if !interfaces.contains(&interface) {
            link::detach(&interface, &path)?;
            tracing::info!(interface, "detached the fast path: the interface is no longer configured");
        }
    }
    Ok(())
}

/// All pins of the fast path in a directory, links first.
pub(super) fn all(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut pins: Vec<PathBuf> = link::pinned(directory)?.into_iter().map(|(_, path)| path).collect();
    pins.extend(beside_links(directory));
    Ok(pins)
}

fn beside_links(directory: &Path) -> Vec<PathBuf> {
    of_program(directory).chain(of_program(&staging::directory(directory))).collect()
}

/// What is pinned of one program: the one that beats, first, and the maps.
pub(super) fn of_program(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let names = [beat::NAME].into_iter().chain(maps::NAMES).chain(maps::TABLES);
    names.map(|name| directory.join(name)).filter(|path| path.exists())
}

pub(super) fn remove(pins: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
    for path in &pins {
        fs::remove_file(path).with_context(|| format!("cannot remove the pin {}", path.display()))?;
    }
    Ok(pins)
}
