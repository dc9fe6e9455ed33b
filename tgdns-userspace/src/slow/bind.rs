//! The sockets of `[dns] listen`, with errors that say what to do.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use anyhow::anyhow;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};

use super::holder::{self, Protocol};

/// The kernel's buffer for queries over UDP: room for some 2700, the work of 6 ms. Its default has room for 277, and a
/// process that has not been running for a moment loses the rest.
const QUERY_BUFFER: usize = 1024 * 1024;

/// Connections that the kernel keeps until they are accepted; `net.core.somaxconn` may allow fewer.
const BACKLOG: i32 = 1024;

/// The kernel's buffers for a connection, which else grow to megabytes while a client does not take its replies.
const CONNECTION_BUFFER: usize = 32 * 1024;

/// Binds a UDP socket that learns where each message was sent to. Must be called within a runtime.
///
/// An IPv6 socket takes IPv6 only, so that both wildcards can be bound. Addresses are not shared with other
/// sockets: two servers on one address would each get some of the queries.
pub fn bind_udp(address: SocketAddr) -> anyhow::Result<UdpSocket> {
    try_bind_udp(address).map_err(|error| explain(error, Protocol::Udp, address))
}

/// Listens on the address for connections, of which none waits for more data before it sends a reply. Must be called
/// within a runtime.
///
/// A server that ended a moment ago does not hold the address, although its connections linger.
pub fn bind_tcp(address: SocketAddr) -> anyhow::Result<TcpListener> {
    try_bind_tcp(address).map_err(|error| explain(error, Protocol::Tcp, address))
}

fn explain(error: io::Error, protocol: Protocol, address: SocketAddr) -> anyhow::Error {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is rare, and the system's words will do")]
    match error.kind() {
        ErrorKind::AddrInUse => {
            let holder = holder::of(protocol, address);
            let holder = holder.map_or("another program".into(), |holder| holder.to_string());
            anyhow!(
                "dns.listen: {protocol} {address} is in use by {holder}; stop it, or listen on other addresses \
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
        _ => anyhow!(error).context(format!("dns.listen: cannot bind {protocol} {address}")),
    }
}

fn try_bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket(address, Type::DGRAM)?;
    if address.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    } else {
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
    }
    // Without the capability CAP_NET_ADMIN as much of it as net.core.rmem_max allows.
    if setsockopt(&socket, sockopt::RcvBufForce, &QUERY_BUFFER).is_err() {
        socket.set_recv_buffer_size(QUERY_BUFFER)?;
    }
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

fn try_bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address, Type::STREAM)?;
    socket.set_reuse_address(true)?;
    // Connections inherit these.
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(CONNECTION_BUFFER)?;
    socket.set_recv_buffer_size(CONNECTION_BUFFER)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn socket(address: SocketAddr, kind: Type) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

fn wildcard(address: SocketAddr) -> SocketAddr {
    let any =
        if address.is_ipv6() { IpAddr::from(Ipv6Addr::UNSPECIFIED) } else { Ipv4Addr::UNSPECIFIED.into() };
    SocketAddr::new(any, address.port())
}
