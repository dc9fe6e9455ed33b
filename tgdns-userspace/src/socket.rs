//! What a call on a socket failed with.

use std::io::{self, ErrorKind};

use nix::errno::Errno;

/// Whether an error says something of this host alone.
pub(crate) fn is_own_fault(error: &io::Error) -> bool {
    let own = [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM];
    error.raw_os_error().is_some_and(|code| own.contains(&Errno::from_raw(code)))
}

/// What went wrong with a connection, for people.
pub(crate) fn cause(error: &io::Error) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is rare, and the system's words will do")]
    let told = match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset => "connection reset",
        ErrorKind::HostUnreachable => "no route to host",
        ErrorKind::NetworkUnreachable => "network is unreachable",
        ErrorKind::TimedOut => "timed out",
        ErrorKind::AddrNotAvailable => "this host has no address to connect from",
        ErrorKind::PermissionDenied => "forbidden by this host's firewall",
        _ => return error.to_string(),
    };
    told.into()
}
