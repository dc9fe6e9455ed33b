//! What routers and hosts send back about a request that could not be delivered, in words.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::AsRawFd as _,
};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};
use tokio::net::UdpSocket;

use crate::probe::deadline::Failure;

/// A failed reception's cause: a message from the network that the kernel keeps beside the error, or the error.
pub(super) fn failure(socket: &UdpSocket, error: io::Error) -> Failure {
    match told(socket) {
        Some((offender, what)) => Failure::Server(format!("{what}, says {offender}")),
        None => Failure::of_socket(error),
    }
}

/// Who has sent a message, and its meaning.
#[expect(clippy::wildcard_enum_match_arm, reason = "no other control message is an error from the network")]
fn told(socket: &UdpSocket) -> Option<(IpAddr, &'static str)> {
    let mut request = [0; 64];
    let mut parts = [IoSliceMut::new(&mut request)];
    let mut space = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6);
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let received =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags).ok()?;
    received.cmsgs().ok()?.find_map(|message| match message {
        ControlMessageOwned::Ipv4RecvErr(error, Some(offender))
            if error.ee_origin == libc::SO_EE_ORIGIN_ICMP =>
        {
            let offender = Ipv4Addr::from(u32::from_be(offender.sin_addr.s_addr));
            Some((offender.into(), ipv4(error.ee_type, error.ee_code)?))
        }
        ControlMessageOwned::Ipv6RecvErr(error, Some(offender))
            if error.ee_origin == libc::SO_EE_ORIGIN_ICMP6 =>
        {
            let offender = Ipv6Addr::from(offender.sin6_addr.s6_addr);
            Some((offender.into(), ipv6(error.ee_type, error.ee_code)?))
        }
        _ => None,
    })
}

/// RFC 792, RFC 1122 3.2.2.1 and RFC 1812 5.2.7.1.
fn ipv4(kind: u8, code: u8) -> Option<&'static str> {
    Some(match (kind, code) {
        (3, 0 | 6 | 11) => "network unreachable",
        (3, 1 | 7 | 12) => "host unreachable",
        (3, 2) => "no echo there (protocol unreachable)",
        (3, 3) => "no echo there (port unreachable)",
        (3, 9 | 10 | 13) => "administratively prohibited",
        (3, _) => "destination unreachable",
        (11, _) => "time to live exceeded (a routing loop?)",
        _ => return None,
    })
}

/// RFC 4443 3.
fn ipv6(kind: u8, code: u8) -> Option<&'static str> {
    Some(match (kind, code) {
        (1, 0) => "network unreachable",
        (1, 1 | 5 | 6) => "administratively prohibited",
        (1, 3) => "host unreachable",
        (1, 4) => "no echo there (port unreachable)",
        (1, _) => "destination unreachable",
        (3, _) => "hop limit exceeded (a routing loop?)",
        _ => return None,
    })
}
