//! Locks between processes; the kernel frees those of a dead one.

use std::{
    fs::{File, OpenOptions},
    path::Path,
};

use anyhow::{Context as _, Result};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

/// Held until it is dropped, by one thread of one process of this machine, or by several that share it.
pub struct Lock {
    _file: Flock<File>,
}

impl Lock {
    /// Waits for it; `on_wait` is called where another one holds it.
    pub fn wait(path: &Path, on_wait: impl FnOnce()) -> Result<Self> {
        Self::wait_for(path, [FlockArg::LockExclusiveNonblock, FlockArg::LockExclusive], on_wait)
    }

    /// As [`Self::wait`], for one that others may share who ask for no more.
    pub fn wait_to_share(path: &Path, on_wait: impl FnOnce()) -> Result<Self> {
        Self::wait_for(path, [FlockArg::LockSharedNonblock, FlockArg::LockShared], on_wait)
    }

    fn wait_for(path: &Path, [at_once, patiently]: [FlockArg; 2], on_wait: impl FnOnce()) -> Result<Self> {
        if let Some(lock) = Self::take(path, at_once)? {
            return Ok(lock);
        }
        on_wait();
        let lock = Flock::lock(open(path)?, patiently).map_err(|(_, error)| error);
        Ok(Self { _file: lock.with_context(|| format!("locking {}", path.display()))? })
    }

    /// `None` where another one holds it.
    pub fn try_take(path: &Path) -> Result<Option<Self>> {
        Self::take(path, FlockArg::LockExclusiveNonblock)
    }

    fn take(path: &Path, how: FlockArg) -> Result<Option<Self>> {
        match Flock::lock(open(path)?, how) {
            Ok(lock) => Ok(Some(Self { _file: lock })),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, error)) => Err(error).with_context(|| format!("locking {}", path.display())),
        }
    }
}

fn open(path: &Path) -> Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.with_context(|| format!("opening {}", path.display()))
}
