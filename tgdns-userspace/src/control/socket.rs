//! The control socket's file: who may own the path, and its removal.

use std::{
    fs,
    io::ErrorKind,
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use caps::{CapSet, Capability};
use nix::{
    sys::stat::{Mode, fchmod},
    unistd::{Gid, Group, getgroups},
};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::{directories::Made, lock_file::LockFile};

/// The owner may ask; all others not.
const OWNER_ALONE: u32 = 0o600;
/// The group as well.
const WITH_GROUP: u32 = 0o660;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 128;

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

/// The listener does not block.
pub(super) fn bind(path: &Path, group: Option<&str>) -> Result<(UnixListener, SocketFile)> {
    let cannot = |what: &str| format!("control socket {}: cannot {what}", path.display());
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let made = Made::create(directory).with_context(|| cannot("create its directory"))?;
    // Two controllers that start together must not both find a dead socket and both replace it.
    let mut lock = path.to_path_buf().into_os_string();
    lock.push(".lock");
    let lock = PathBuf::from(lock);
    let _lock = LockFile::take(&lock).with_context(|| cannot(&format!("lock {}", lock.display())))?;
    clear(path)?;
    let listener = listen(path).with_context(|| cannot("listen"))?;
    let inode = fs::symlink_metadata(path).with_context(|| cannot("look at the file"))?.ino();
    let file = SocketFile { path: path.to_path_buf(), inode, _made: made };
    set_access(path, group)?;
    Ok((listener, file))
}

/// The file is the owner's alone from its first moment on.
fn listen(path: &Path) -> Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    fchmod(&socket, Mode::from_bits_truncate(OWNER_ALONE))?;
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Lets the members of a group ask, or the owner alone.
///
/// # Errors
/// There is no such group, or the file is not ours.
pub fn set_access(path: &Path, group: Option<&str>) -> Result<()> {
    let cannot = |what: &str| format!("control socket {}: cannot {what}", path.display());
    let (group, mode) = match group {
        None => (Gid::effective(), OWNER_ALONE),
        Some(name) => (group_of(name)?, WITH_GROUP),
    };
    chown(path, None, Some(group.as_raw())).with_context(|| cannot("set its group"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).with_context(|| cannot("set its mode"))
}

/// Why a group cannot be let in; nothing where it can.
pub fn group_problem(group: Option<&str>) -> Option<String> {
    let name = group?;
    match group_of(name) {
        Err(error) => Some(format!("{error:#}")),
        Ok(gid) => (!may_give_to(gid)).then(|| {
            format!(
                "control_group: this process may not let in the group \"{name}\", as it is no member (systemd: \
                 SupplementaryGroups={name}); a restart as root may"
            )
        }),
    }
}

/// A running controller has dropped CAP_CHOWN.
fn may_give_to(group: Gid) -> bool {
    let is_member = group == Gid::effective() || getgroups().is_ok_and(|groups| groups.contains(&group));
    is_member || caps::has_cap(None, CapSet::Effective, Capability::CAP_CHOWN).unwrap_or(false)
}

fn group_of(name: &str) -> Result<Gid> {
    let found = Group::from_name(name).with_context(|| format!("cannot look for the group \"{name}\""))?;
    let found = found.with_context(|| {
        format!("control_group: this host has no group \"{name}\": make it with `groupadd {name}`, or correct the key")
    })?;
    Ok(found.gid)
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
