//! Does the server answer an echo request?
//!
//! Each probe has a socket of its own, connected to the server: so the kernel hands it the server's messages alone, and
//! the errors that routers send back about its own request. Ping sockets need no privilege where
//! `net.ipv4.ping_group_range` admits the process; raw ones, which need CAP_NET_RAW, take their place elsewhere.

mod message;
mod unreachable;

#[cfg(test)]
mod tests;

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use self::message::Echo;
use super::{
    Destination,
    connect::no_source,
    datagram,
    deadline::{Deadline, Failure},
};
use crate::health::Outcome;

/// Whether this process may send echo requests: groups count beside capabilities, so the kernel is asked.
pub fn is_permitted() -> bool {
    let refused = |error: io::Error| error.kind() == ErrorKind::PermissionDenied;
    !socket(Ipv4Addr::LOCALHOST.into()).is_err_and(refused)
}

/// Whether that takes no capability, as `net.ipv4.ping_group_range` has one of this process's groups.
pub fn is_permitted_without_capability() -> bool {
    Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::ICMPV4)).is_ok()
}

/// Sends one echo request.
pub(super) async fn probe(destination: &Destination, timeout: Duration) -> io::Result<Outcome> {
    let deadline = Deadline::starts_now(timeout);
    deadline.judge(prove(destination, &deadline).await)
}

async fn prove(destination: &Destination, deadline: &Deadline) -> Result<Option<String>, Failure> {
    let address = destination.address.ip();
    let socket = socket(address).map_err(Failure::Own)?;
    if let Some(source) = destination.source {
        let bound = socket.bind(&SocketAddr::new(source, 0).into());
        bound.map_err(|error| Failure::Own(no_source(source, &error)))?;
    }
    socket.connect(&SocketAddr::new(address, 0).into()).map_err(Failure::of_socket)?;
    let is_raw = socket.r#type().map_err(Failure::Own)? == Type::RAW;
    let echo = Echo::new(address.is_ipv6(), is_raw);
    // What tokio calls a UDP socket is any socket of datagrams.
    let socket = UdpSocket::from_std(socket.into()).map_err(Failure::Own)?;
    socket.send(&echo.request()).await.map_err(Failure::of_socket)?;
    deadline.step("while waiting for an echo reply", reply(&socket, &echo)).await?;
    Ok(None)
}

async fn reply(socket: &UdpSocket, echo: &Echo) -> Result<(), Failure> {
    let mut buffer = [0; 512];
    loop {
        match datagram::receive(socket, &mut buffer).await {
            Ok(length) if echo.is_answered_by(buffer.get(..length).unwrap_or_default()) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(unreachable::failure(socket, error)),
        }
    }
}

fn socket(destination: IpAddr) -> io::Result<Socket> {
    let (domain, protocol) = match destination {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = match Socket::new(domain, Type::DGRAM, Some(protocol)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Socket::new(domain, Type::RAW, Some(protocol)).map_err(with_advice)
        }
        result => result,
    }?;
    socket.set_nonblocking(true)?;
    match destination {
        IpAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
        IpAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
    }
    Ok(socket)
}

fn with_advice(error: io::Error) -> io::Error {
    match error.kind() == ErrorKind::PermissionDenied {
        true => io::Error::new(
            ErrorKind::PermissionDenied,
            "this process may not send echo requests: let its group into net.ipv4.ping_group_range, or give it \
             CAP_NET_RAW",
        ),
        false => error,
    }
}
