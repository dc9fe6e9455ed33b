//! A TCP connection to a server, which most kinds of probes begin with.
//!
//! It is closed with a reset (linger 0), as other load balancers' checks do: an orderly close would leave
//! a TIME_WAIT entry for each probe of each server here, another in every NAT table on the way, and make
//! the server's program answer our FIN.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::net::{TcpSocket, TcpStream};

use super::Destination;
use crate::socket::{cause, is_own_fault};

/// Connects, for as long as it takes: the caller has the timeout. An error is this host's own fault (no file
/// descriptors, no memory, no such source address); what is the server's or the network's is told in words within.
pub(super) async fn connect(destination: &Destination) -> io::Result<Result<TcpStream, String>> {
    let socket = match destination.address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_zero_linger()?;
    if let Some(source) = destination.source {
        // The kernel chooses the port when it knows the other end, so that all ports serve each server.
        nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::IpBindAddressNoPort, &true)?;
        socket.bind(SocketAddr::new(source, 0)).map_err(|error| no_source(source, &error))?;
    }
    match socket.connect(destination.address).await {
        // A closed port among the ephemeral ones, on this very host: the kernel may choose it as our own port and
        // connect the socket to itself.
        Ok(stream) if stream.local_addr()? == destination.address => Ok(Err("connection refused".to_owned())),
        Ok(stream) => Ok(Ok(stream)),
        Err(error) if is_own_fault(&error) => Err(error),
        Err(error) => Ok(Err(cause(&error))),
    }
}

/// What this host's failure to use a source address is told with.
pub(super) fn no_source(source: IpAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot use the source address {source}: {error}"))
}
