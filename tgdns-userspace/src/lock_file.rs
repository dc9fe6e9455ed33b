//! A file that one process has at a time. A directory could be locked by whoever may read it.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use nix::fcntl::{Flock, FlockArg};

/// So that nobody else can open it.
const OWNER_ALONE: u32 = 0o600;

/// Removes the file when dropped.
#[derive(Debug)]
pub(crate) struct LockFile {
    path: PathBuf,
    _file: Flock<File>,
}

impl LockFile {
    /// Makes the file and waits until nobody else has it.
    ///
    /// # Errors
    /// Its directory is not there or cannot be written, or a link lies in its place.
    pub(crate) fn take(path: &Path) -> io::Result<Self> {
        loop {
            let mut options = File::options();
            options.write(true).create(true).truncate(false).mode(OWNER_ALONE).custom_flags(libc::O_NOFOLLOW);
            let file = Flock::lock(options.open(path)?, FlockArg::LockExclusive)
                .map_err(|(_, error)| io::Error::from(error))?;
            let number = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
            // Who had it before has removed it.
            if fs::symlink_metadata(path).map(number).ok() == Some(number(file.metadata()?)) {
                return Ok(Self { path: path.to_path_buf(), _file: file });
            }
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Before it is unlocked, so that whoever gets it next finds it removed. It may have gone with its directory.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{
        os::unix::fs::symlink,
        sync::atomic::{AtomicU32, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn one_has_it_at_a_time_and_nothing_is_left() {
        let path = std::env::temp_dir().join(format!("tgdns-lock-file-{}", std::process::id()));
        let owners = AtomicU32::new(0);
        let work = || {
            for _ in 0..200 {
                let _lock = LockFile::take(&path).unwrap();
                assert_eq!(owners.fetch_add(1, Ordering::SeqCst), 0);
                assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, OWNER_ALONE);
                owners.fetch_sub(1, Ordering::SeqCst);
            }
        };
        thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
        assert!(!path.exists());
        symlink("/proc/version", &path).unwrap();
        LockFile::take(&path).unwrap_err();
        fs::remove_file(&path).unwrap();
    }
}
