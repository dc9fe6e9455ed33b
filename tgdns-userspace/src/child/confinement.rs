//! What a command may not have.

use std::io;

use nix::{
    errno::Errno,
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        signal::{SigHandler, SigSet, Signal, signal},
    },
    unistd::setsid,
};
use rustix::{
    process::{getpid, set_child_subreaper},
    thread::{
        CapabilitySet, CapabilitySets, clear_ambient_capability_set, remove_capability_from_bounding_set,
        set_capabilities, set_no_new_privs,
    },
};

/// The soft limit that programs expect, as `select` can't do with more (systemd's `DefaultLimitNOFILE`).
const OPEN_FILES: u64 = 1024;

/// Confines this process and all that it starts: they have no capabilities and never get any, even where they are root's,
/// nor another user's rights. Signals do what they do by default. Whatever leaves its parent becomes this process's child.
///
/// # Errors
/// The kernel refuses any of that.
pub(super) fn confine() -> io::Result<()> {
    setsid()?;
    default_signals()?;
    set_child_subreaper(Some(getpid()))?;
    set_no_new_privs(true)?;
    clear_ambient_capability_set()?;
    // The first that the kernel does not know is the end. Without CAP_SETPCAP none may be taken off this set, which is no
    // more than a second fence behind the first.
    let _ = (0..u64::BITS).try_for_each(|number| {
        remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number))
    });
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, soft.min(OPEN_FILES), hard)?;
    close_others_on_exec()
}

/// Whoever started the controller may have ignored or blocked any: without SIGCHLD nobody would hear of the command's end.
fn default_signals() -> io::Result<()> {
    // This process writes to pipes; what it starts ignores SIGPIPE no more than the others (`std::process`).
    for number in Signal::iterator().filter(|number| *number != Signal::SIGPIPE) {
        // SAFETY: there is no handler that could call anything.
        match unsafe { signal(number, SigHandler::SigDfl) } {
            // SIGKILL and SIGSTOP.
            Ok(_) | Err(Errno::EINVAL) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(SigSet::empty().thread_set_mask()?)
}

/// What whoever started the controller has left open goes no further.
fn close_others_on_exec() -> io::Result<()> {
    // SAFETY: nothing is closed here, the descriptors are only marked, and this process's own stay open for it.
    match unsafe { libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC.cast_signed()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
