//! A process between the controller and one command.
//!
//! Who leaves its parent becomes a child of the supervisor, so none of what the command starts gets out of its reach. It has
//! a pipe to the controller, which is both the way of its report and its lifeline: without a reader there is nobody left who
//! wants the command to go on.

use std::{
    env,
    ffi::OsString,
    io::{self, Write as _},
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::process::CommandExt as _,
    },
    path::Path,
    process::{Command, Stdio, exit},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
    },
};
use rustix::process::{
    Pid, WaitOptions, getpid, getppid, kill_process, kill_process_group, set_parent_process_death_signal,
    wait,
};

use super::{
    children::children,
    confinement,
    trust::{self, Untrusted},
};

/// The name by which this program knows that it is a supervisor; its first argument is one of those below, and the
/// command follows.
pub(super) const NAME: &str = "tgdns-command";
/// The command's output is dropped.
pub(super) const DROP_OUTPUT: &str = "--drop-output";
/// The command's output goes where its errors go.
pub(super) const KEEP_OUTPUT: &str = "--keep-output";

/// When those that have not ended are looked for again, in milliseconds: the first time, and at most.
const AGAIN: u16 = 100;
const SELDOM: u16 = 10_000;

/// An [`End`], as the supervisor writes it; behind [`End::Untrusted`] the cause follows, up to the pipe's end.
pub(super) type Report = [u8; 8];

/// Bytes of a cause: two paths and some words, and no more than a pipe holds.
pub(super) const MOST_CAUSE: u64 = 16_384;
/// No error of the kernel.
const UNTRUSTED: i32 = -1;

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// As `wait` tells it.
    Status(i32),
    /// The number of the error, which is above 0.
    NotRun(i32),
    /// Somebody else could change it.
    Untrusted,
}

impl From<End> for Report {
    fn from(end: End) -> Self {
        let (error, status) = match end {
            End::Status(status) => (0, status),
            End::NotRun(error) => (error, 0),
            End::Untrusted => (UNTRUSTED, 0),
        };
        (u64::from(error.cast_unsigned()) << 32 | u64::from(status.cast_unsigned())).to_be_bytes()
    }
}

impl From<Report> for End {
    fn from([e0, e1, e2, e3, s0, s1, s2, s3]: Report) -> Self {
        match i32::from_be_bytes([e0, e1, e2, e3]) {
            0 => Self::Status(i32::from_be_bytes([s0, s1, s2, s3])),
            UNTRUSTED => Self::Untrusted,
            error => Self::NotRun(error),
        }
    }
}

/// Where this process was started to supervise a command it does, and does not return. Must be called before anything else
/// is done, on the main thread.
pub fn supervise_if_asked() {
    let mut words = env::args_os();
    if words.next().is_some_and(|name| name == NAME) {
        supervise(words);
        exit(0);
    }
}

fn supervise(mut words: impl Iterator<Item = OsString>) {
    let report = io::stdout();
    match start(&mut words) {
        Ok((leader, signals)) => {
            if let Some(end) = watch(leader, &signals, report.as_fd()) {
                tell(end, "");
            }
            kill_all(leader, &signals);
        }
        Err(error) => match Untrusted::of(&error) {
            Some(Untrusted(cause)) => tell(End::Untrusted, cause),
            None => tell(End::NotRun(error.raw_os_error().unwrap_or(libc::EINVAL)), ""),
        },
    }
}

fn tell(end: End, cause: &str) {
    let report = [&Report::from(end), cause.as_bytes()].concat();
    let mut pipe = io::stdout();
    // Nobody may be left to read it.
    let _ = pipe.write_all(&report).and_then(|()| pipe.flush());
}

/// Confines this process, and starts the command within. Who could change that is looked at here, right before, and not by the
/// controller, which waits for no disk.
fn start(words: &mut impl Iterator<Item = OsString>) -> io::Result<(Pid, SignalFd)> {
    confinement::confine()?;
    let is_kept = words.next().is_some_and(|word| word == KEEP_OUTPUT);
    let output = if is_kept { io::stderr().as_fd().try_clone_to_owned()?.into() } else { Stdio::null() };
    let program = words.next().ok_or(io::ErrorKind::InvalidInput)?;
    trust::admit(Path::new(&program))?;
    let mut command = Command::new(program);
    command.args(words).process_group(0).stdout(output);
    let supervisor = getpid();
    // SAFETY: it makes two system calls, and this process has one thread.
    let child = unsafe { command.pre_exec(move || die_with(supervisor)) }.spawn()?;
    SigSet::all().thread_block()?;
    let children = SigSet::from(Signal::SIGCHLD);
    let signals = SignalFd::with_flags(&children, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    Ok((Pid::from_child(&child), signals))
}

/// Has the kernel kill this process when its parent ends, even if that is killed.
fn die_with(parent: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // It may have ended before that.
    if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// Waits for the command's end, or gives nothing where nobody wants to hear of it.
fn watch(leader: Pid, signals: &SignalFd, report: BorrowedFd<'_>) -> Option<End> {
    loop {
        // Orphans, which are this process's to reap, or the command, which may have ended before its end was a signal.
        while let Ok(Some((ended, status))) = wait(WaitOptions::NOHANG) {
            if ended == leader {
                return Some(End::Status(status.as_raw()));
            }
        }
        let mut events =
            [PollFd::new(report, PollFlags::empty()), PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        // The pipe's other end is closed, or waiting fails: either way all is over.
        if poll(&mut events, PollTimeout::NONE).is_err() || events[0].any() != Some(false) {
            return None;
        }
        while let Ok(Some(_)) = signals.read_signal() {}
    }
}

/// Kills the command's group at once, and then whoever is or becomes a child of this process, until there are none: as long as
/// one can't be killed, as the kernel waits for a disk, this process stays and is counted. Gives up where they can't be found.
fn kill_all(leader: Pid, signals: &SignalFd) {
    // There may be none left.
    let _ = kill_process_group(leader, rustix::process::Signal::KILL);
    let mut again = AGAIN;
    while are_left() {
        let Ok(found) = children() else { return };
        for child in found {
            let _ = kill_process(child, rustix::process::Signal::KILL);
        }
        // Those of one that ends become this process's before its end is a signal.
        let _ = poll(&mut [PollFd::new(signals.as_fd(), PollFlags::POLLIN)], again);
        again = again.saturating_mul(2).min(SELDOM);
        while let Ok(Some(_)) = signals.read_signal() {}
    }
}

/// Reaps those that have ended; tells whether there are others.
fn are_left() -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return true,
            Err(_no_children) => return false,
        }
    }
}

/// The unit tests' program is a supervisor, too, before its harness reads the arguments.
#[cfg(test)]
#[used]
#[unsafe(link_section = ".init_array")]
static SUPERVISE_IF_ASKED: extern "C" fn() = {
    extern "C" fn before_main() {
        supervise_if_asked();
    }
    before_main
};
