//! The control socket's file: who may own the path, and its removal.

use std::{
    fs,
    io::ErrorKind,
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use tokio::net::UnixListener;

use crate::directories::Made;

/// Owner and group may ask; all others not.
const MODE: u32 = 0o660;

/// Removes the socket's file when dropped, unless another one lies in its place, and the directories that were made for it.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    inode: u64,
    _made: Made,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

pub(super) fn bind(path: &Path) -> Result<(UnixListener, SocketFile)> {
    let cannot = |what: &str| format!("control socket {}: cannot {what}", path.display());
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let made = Made::create(directory).with_context(|| cannot("create its directory"))?;
    // Two controllers that start together must not both find a dead socket and both replace it.
    let opened = fs::File::open(directory).with_context(|| cannot("open its directory"))?;
    let lock = Flock::lock(opened, FlockArg::LockExclusive).map_err(|(_, error)| error);
    let _lock = lock.with_context(|| cannot("lock its directory"))?;
    clear(path)?;
    let listener = UnixListener::bind(path).with_context(|| cannot("listen"))?;
    let inode = fs::symlink_metadata(path).with_context(|| cannot("look at the file"))?.ino();
    let file = SocketFile { path: path.to_path_buf(), inode, _made: made };
    fs::set_permissions(path, fs::Permissions::from_mode(MODE)).with_context(|| cannot("set its mode"))?;
    Ok((listener, file))
}

/// Removes the socket of a controller that is gone.
fn clear(path: &Path) -> Result<()> {
    let shown = path.display();
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot look at {shown}")),
        Ok(found) if !found.file_type().is_socket() => {
            bail!("{shown} exists and is no socket: move it away, or set `control` to another path")
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).with_context(|| format!("cannot remove the stale socket {shown}"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => {
            Err(error).with_context(|| format!("cannot tell whether a tgdns run answers at {shown}"))
        }
        Ok(_) => {
            bail!("another tgdns run answers at {shown}: stop it first, or set `control` to another path")
        }
    }
}
