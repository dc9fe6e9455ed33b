//! A control group of a run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::{Run, names::name_of};

/// Makes one, which goes with the run.
pub fn create(run: &Run) -> Result<PathBuf> {
    let path = path_of(run.identifier()).context("no cgroup2 file system is mounted on this machine")?;
    fs::create_dir_all(&path).with_context(|| format!("creating {}", path.display()))?;
    Ok(path)
}

/// Ends the processes in a run's, and removes it with those that were made below it. Whether it is still there, as processes need a
/// moment to end.
pub(super) fn remains(identifier: &str) -> bool {
    let Some(path) = path_of(identifier).filter(|path| path.exists()) else { return false };
    let _ = fs::write(path.join("cgroup.kill"), "1");
    remove_with_children(&path);
    path.exists()
}

fn path_of(identifier: &str) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let mut mounts = mounts.lines().map(|line| line.split(' '));
    let point = mounts.find_map(|mut line| {
        let point = line.nth(1)?;
        (line.next() == Some("cgroup2")).then_some(point)
    })?;
    Some(Path::new(point).join(name_of(identifier)))
}

/// The files of a control group go with it.
fn remove_with_children(path: &Path) {
    let children = fs::read_dir(path).into_iter().flatten().flatten();
    for child in children.filter(|child| child.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_with_children(&child.path());
    }
    let _ = fs::remove_dir(path);
}
