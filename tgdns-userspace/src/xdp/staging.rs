//! Maps that are to take the place of the pinned ones.
//!
//! Programs of different layouts never share maps. Where the pins can't be adopted, the maps of the program that starts are
//! pinned beside them, in a directory of their own, and filled; the program that is attached goes on answering from its
//! own. Then the links get the new program, one rename after the other replaces the pins, and the directory goes. As long as
//! it is there the pins next to it are nothing to build on: whoever finds it when it starts fills new maps once more.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::pins;
use crate::maps;

/// Where maps are pinned that are not in use yet.
pub(super) fn directory(pin_directory: &Path) -> PathBuf {
    pin_directory.join("next")
}

/// Why the pinned maps can't be adopted, as the beginning of a sentence; nothing where they can.
pub(super) fn reason(pin_directory: &Path) -> Result<Option<String>> {
    let directory = directory(pin_directory);
    if directory.exists() {
        return Ok(Some(format!("{} is left of a start that did not end", directory.display())));
    }
    if maps::NAMES.iter().any(|name| pin_directory.join(name).exists()) {
        return maps::foreign(pin_directory);
    }
    Ok(Some(format!("no maps are pinned in {}", pin_directory.display())))
}

/// Makes the directory, without what an earlier start has left in it.
pub(super) fn prepare(pin_directory: &Path) -> Result<PathBuf> {
    let directory = directory(pin_directory);
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    pins::remove(pins::of_program(&directory).collect())?;
    Ok(directory)
}

/// Puts the maps in the place of those that were pinned before. The program that beats goes first: whoever finds it there can tell
/// those that are attached that a controller lives.
pub(super) fn commit(pin_directory: &Path) -> Result<()> {
    for pin in pins::of_program(&directory(pin_directory)) {
        let Some(name) = pin.file_name() else { continue };
        let to = pin_directory.join(name);
        fs::rename(&pin, &to)
            .with_context(|| format!("cannot move the pin {} to {}", pin.display(), to.display()))?;
    }
    remove(pin_directory)
}

/// Removes the directory, which has to be empty, if it is there.
pub(super) fn remove(pin_directory: &Path) -> Result<()> {
    let directory = directory(pin_directory);
    match fs::remove_dir(&directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", directory.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
