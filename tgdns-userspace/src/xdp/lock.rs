//! One writer for each directory of pins, whatever control sockets the controllers have.
//!
//! The lock is on the directory itself, so it needs no file of its own, and the kernel frees it with the process. The directory
//! is nobody else's to read, as whoever can read it can lock it.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

use crate::directories::Made;

/// Held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    /// Goes first, so that nobody else has the directory while it is removed.
    made: Made,
    _directory: Flock<File>,
}

impl Lock {
    /// Makes the directory where it is missing; it goes with the lock then, unless it is kept.
    pub(super) fn create(directory: &Path) -> Result<Self> {
        loop {
            let made = Made::create(directory)
                .with_context(|| format!("cannot create pin_dir {}", directory.display()))?;
            hide(directory)
                .with_context(|| format!("cannot set the mode of pin_dir {}", directory.display()))?;
            if let Some(lock) = Self::take(directory)? {
                return Ok(Self { made, ..lock });
            }
        }
    }

    /// Nothing where there is no such directory.
    pub(super) fn take(directory: &Path) -> Result<Option<Self>> {
        let shown = directory.display();
        loop {
            let opened = match File::open(directory) {
                Ok(opened) => opened,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error).with_context(|| format!("cannot open pin_dir {shown}")),
            };
            let number = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
            let locked = opened.metadata().map(number)?;
            let flock = match Flock::lock(opened, FlockArg::LockExclusiveNonblock) {
                Ok(flock) => flock,
                Err((_, Errno::EWOULDBLOCK)) => bail!(held(directory, locked)),
                Err((_, error)) => {
                    return Err(error).with_context(|| format!("cannot lock pin_dir {shown}"));
                }
            };
            // Its last owner may have removed it before the lock was free.
            if fs::metadata(directory).map(number).ok() == Some(locked) {
                return Ok(Some(Self { made: Made::default(), _directory: flock }));
            }
        }
    }

    /// The directory is to stay.
    pub(super) fn keep_directory(&mut self) {
        std::mem::take(&mut self.made).keep();
    }
}

/// Takes away what strangers may do there. A group is somebody's decision.
fn hide(directory: &Path) -> io::Result<()> {
    let mode = match fs::metadata(directory) {
        Ok(found) => found.mode(),
        // It went with the lock of another controller that could not start.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if mode & libc::S_IRWXO == 0 {
        return Ok(());
    }
    fs::set_permissions(directory, fs::Permissions::from_mode(mode & 0o7777 & !libc::S_IRWXO))
}

fn held(directory: &Path, locked: (u64, u64)) -> String {
    let holder = fs::read_to_string("/proc/locks").ok().and_then(|locks| holder(&locks, locked));
    let (process, remedy) = match holder {
        Some(pid) => (format!("tgdns (pid {pid})"), format!("with `kill {pid}`")),
        None => ("another tgdns".to_owned(), "which `ps -C tgdns` shows".to_owned()),
    };
    format!(
        "{process} writes the fast path's maps in {}: stop it first, {remedy}, or name another pin_dir",
        directory.display()
    )
}

/// From a line of `/proc/locks`, `5: FLOCK  ADVISORY  WRITE 11784 00:27:107832 0 EOF`: the process, and the file's device
/// (in hexadecimal) and inode. Who waits has an arrow in front.
fn holder(locks: &str, (device, inode): (u64, u64)) -> Option<u32> {
    let file = format!("{:02x}:{:02x}:{inode}", libc::major(device), libc::minor(device));
    let of_line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", "ADVISORY", "WRITE", pid, found, ..] = *words.as_slice() else { return None };
        (found == file).then(|| pid.parse().ok())?
    };
    locks.lines().find_map(of_line)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_who_holds_a_file() {
        let locks = "1: POSIX  ADVISORY  WRITE 700 00:27:107832 0 EOF\n\
                     2: FLOCK  ADVISORY  READ 701 00:27:107832 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 702 00:27:1078 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE 703 fe:01:107832 0 EOF\n\
                     4: -> FLOCK  ADVISORY  WRITE 704 00:27:107832 0 EOF\n\
                     5: FLOCK  ADVISORY  WRITE 11784 00:27:107832 0 EOF\n";
        for (device, inode, expected) in [
            (libc::makedev(0, 0x27), 107_832, Some(11_784)),
            (libc::makedev(0xfe, 1), 107_832, Some(703)),
            (libc::makedev(0, 0x27), 5, None),
        ] {
            assert_eq!(holder(locks, (device, inode)), expected, "{device} {inode}");
        }
    }

    #[test]
    fn only_one_has_it_and_its_process_is_told() {
        let directory = std::env::temp_dir().join(format!("tgdns-lock-{}", std::process::id()));
        assert!(Lock::take(&directory).unwrap().is_none());
        let mut first = Lock::create(&directory).unwrap();
        for refused in [Lock::create(&directory).map(Some), Lock::take(&directory)] {
            let error = refused.unwrap_err().to_string();
            assert!(error.starts_with(&format!("tgdns (pid {}) writes", std::process::id())), "{error}");
        }
        assert!(directory.exists(), "who is refused removes nothing");
        assert_eq!(fs::metadata(&directory).unwrap().mode() & libc::S_IRWXO, 0);
        first.keep_directory();
        drop(first);
        drop(Lock::take(&directory).unwrap().unwrap());
        drop(Lock::create(&directory).unwrap());
        assert!(directory.exists(), "it was there before");
        fs::remove_dir(&directory).unwrap();
        drop(Lock::create(&directory).unwrap());
        assert!(!directory.exists());
    }
}
