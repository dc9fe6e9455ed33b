//! What a call on a socket failed with.

use std::io::{self, ErrorKind};

use nix::errno::Errno;

/// Whether an error says something of this host alone.
pub(crate) fn is_own_fault(error: &io::Error) -> bool {
    // The last one is the lack of an address, or of a free port.
    let own = [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM, Errno::EADDRNOTAVAIL];
    error.raw_os_error().is_some_and(|code| own.contains(&Errno::from_raw(code)))
}

/// The same for people.
pub(crate) fn own_fault(error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EADDRNOTAVAIL) => "this host has no address or no free port to connect from".to_owned(),
        _ => error.to_string(),
    }
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
        ErrorKind::PermissionDenied => "forbidden by this host's firewall",
        _ => return error.to_string(),
    };
    told.into()
}
