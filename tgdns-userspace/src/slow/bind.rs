//! The sockets of `[dns] listen`, with errors that say what to do.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use anyhow::anyhow;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::holder;

/// Binds a UDP socket that learns where each message was sent to. Must be called within a runtime.
///
/// An IPv6 socket takes IPv6 only, so that both wildcards can be bound. Addresses are not shared with other
/// sockets: two servers on one address would each get some of the queries.
pub fn bind(address: SocketAddr) -> anyhow::Result<UdpSocket> {
    try_bind(address).map_err(|error| explain(error, address))
}

fn explain(error: io::Error, address: SocketAddr) -> anyhow::Error {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is rare, and the system's words will do")]
    match error.kind() {
        ErrorKind::AddrInUse => {
            let holder =
                holder::of_udp(address).map_or("another program".into(), |holder| holder.to_string());
            anyhow!(
                "dns.listen: {address} is in use by {holder}; stop it, or listen on other addresses \
                 (`listen = []` leaves the port to it)"
            )
        }
        ErrorKind::AddrNotAvailable => anyhow!(
            "dns.listen: {address} is not an address of this host; for one that moves between hosts \
             listen on the wildcard, {}",
            wildcard(address)
        ),
        ErrorKind::PermissionDenied => anyhow!(
            "dns.listen: no permission to bind {address}; run as root or with the capability CAP_NET_BIND_SERVICE"
        ),
        _ => anyhow!(error).context(format!("dns.listen: cannot bind {address}")),
    }
}

fn try_bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
        setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    } else {
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
    }
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

fn wildcard(address: SocketAddr) -> SocketAddr {
    let any =
        if address.is_ipv6() { IpAddr::from(Ipv6Addr::UNSPECIFIED) } else { Ipv4Addr::UNSPECIFIED.into() };
    SocketAddr::new(any, address.port())
}
