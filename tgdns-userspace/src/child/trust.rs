//! Who else could change what a command runs: whoever can, could do all that tgdns may.

use std::{
    error::Error,
    fmt,
    fs::{self, Metadata},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt as _,
    path::{Component, Path, PathBuf},
};

use nix::{errno::Errno, unistd::Uid};

/// As the kernel has it.
const MOST_LINKS: usize = 40;

/// A place on the way to a program, without following a link.
pub(crate) type Place = (PathBuf, Metadata);

/// Why a program is not run though it could be: for people, with the command against it.
#[derive(Debug)]
pub(crate) struct Untrusted(pub(super) String);

impl Untrusted {
    /// Whether that is what is wrong.
    pub(crate) fn is(error: &io::Error) -> bool {
        Self::of(error).is_some()
    }

    pub(super) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for Untrusted {}

impl From<Untrusted> for io::Error {
    fn from(untrusted: Untrusted) -> Self {
        Self::new(ErrorKind::PermissionDenied, untrusted)
    }
}

/// Lets a program be run by this process's user.
///
/// # Errors
/// [`Untrusted`] where another user than root and this one owns it or what is on the way to it, or everybody can write there;
/// and the kernel's where it can't be looked at.
pub(super) fn admit(program: &Path) -> io::Result<()> {
    let way = way(program).map_err(|(_, error)| error)?;
    match exposures(program, &way, Uid::effective().as_raw()).find(|exposure| exposure.is_refused) {
        None => Ok(()),
        Some(exposure) => Err(Untrusted(exposure.cause).into()),
    }
}

/// A place that somebody else than root and tgdns's user can change.
pub(crate) struct Exposure {
    /// Nothing is run by way of it. A group is somebody's decision, and is told of alone.
    is_refused: bool,
    /// For people, with the command against it.
    pub(crate) cause: String,
}

/// All of a program's, in the order of the way to it, where this user would run it.
pub(crate) fn exposures(program: &Path, way: &[Place], user: u32) -> impl Iterator<Item = Exposure> {
    let shown = program.display();
    way.iter().filter_map(move |(place, found)| {
        let Writer { is_refused, who, remedy } = other_writer(found, user)?;
        let so = match (place == program, is_refused) {
            (true, true) => format!("{shown} {who}, so it is not run"),
            (true, false) => format!("{shown} {who}, and runs with what tgdns may do"),
            (false, _) => {
                let so = if is_refused { ", so it is not run" } else { "" };
                let place = place.display();
                format!(
                    "{place}, on the way to {shown}, {who}, who could put another program in its place{so}"
                )
            }
        };
        Some(Exposure { is_refused, cause: format!("{so}: `{remedy} {}`", place.display()) })
    })
}

struct Writer {
    is_refused: bool,
    who: String,
    /// A command's first words.
    remedy: &'static str,
}

/// Who else than root and the user can change what is there or, of a directory, in it. In a sticky directory the rest is told
/// of what is in it.
fn other_writer(found: &Metadata, user: u32) -> Option<Writer> {
    let (owner, group, mode) = (found.uid(), found.gid(), found.mode());
    if owner != 0 && owner != user {
        // Of a link itself, and not of what it leads to.
        let remedy = if found.is_symlink() { "chown -h root" } else { "chown root" };
        return Some(Writer { is_refused: true, who: format!("belongs to user {owner}"), remedy });
    }
    if found.is_symlink() || (found.is_dir() && mode & libc::S_ISVTX != 0) {
        return None;
    }
    if mode & libc::S_IWOTH != 0 {
        let who = "can be written by everybody".to_owned();
        return Some(Writer { is_refused: true, who, remedy: "chmod o-w" });
    }
    (mode & libc::S_IWGRP != 0 && group != 0).then(|| {
        let who = format!("can be written by group {group}");
        Writer { is_refused: false, who, remedy: "chmod g-w" }
    })
}

/// All directories and links on the way to a file, and the file last; or the first place that cannot be passed.
pub(crate) fn way(file: &Path) -> Result<Vec<Place>, (PathBuf, io::Error)> {
    let mut here = PathBuf::from("/");
    let look = |place: PathBuf| match fs::symlink_metadata(&place) {
        Ok(found) => Ok((place, found)),
        Err(error) => Err((place, error)),
    };
    let mut passed = vec![look(here.clone())?];
    let mut links = 0;
    let mut ahead: Vec<PathBuf> = pieces(file);
    while let Some(piece) = ahead.pop() {
        match piece.components().next() {
            None | Some(Component::CurDir | Component::Prefix(_)) => {}
            Some(Component::RootDir) => here = PathBuf::from("/"),
            Some(Component::ParentDir) => drop(here.pop()),
            Some(Component::Normal(name)) => {
                let (place, found) = look(here.join(name))?;
                if found.is_symlink() {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err((place, io::Error::from(Errno::ELOOP)));
                    }
                    match fs::read_link(&place) {
                        Ok(target) => ahead.extend(pieces(&target)),
                        Err(error) => return Err((place, error)),
                    }
                } else {
                    here.clone_from(&place);
                }
                passed.push((place, found));
            }
        }
    }
    Ok(passed)
}

/// A path's components, the first one last.
fn pieces(path: &Path) -> Vec<PathBuf> {
    path.components().rev().map(|piece| PathBuf::from(piece.as_os_str())).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
