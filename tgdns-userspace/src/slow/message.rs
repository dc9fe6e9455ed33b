//! One UDP message with the address that it was sent to, and the reply that leaves from there.

use std::{
    io::{self, IoSlice, IoSliceMut},
    net::{Ipv6Addr, SocketAddr},
    os::fd::AsRawFd as _,
};

use nix::{
    cmsg_space,
    sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg},
};
use tokio::{io::Interest, net::UdpSocket};

pub(super) struct Query {
    /// Bytes of the payload, at the buffer's start.
    pub(super) length: usize,
    pub(super) client: SocketAddr,
    pub(super) asked: Asked,
}

/// The local address that a message was sent to.
pub(super) enum Asked {
    V4(libc::in_pktinfo),
    V6(libc::in6_pktinfo),
}

impl Asked {
    /// Whether it is a broadcast or multicast address, from which no reply may leave.
    pub(super) fn is_group(&self) -> bool {
        match self {
            // The kernel puts the header's destination beside the address that it would reply from.
            Self::V4(info) => info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr,
            Self::V6(info) => Ipv6Addr::from(info.ipi6_addr.s6_addr).is_multicast(),
        }
    }
}

/// Takes the next message out of the socket; `WouldBlock` if there is none.
pub(super) fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Query> {
    socket.try_io(Interest::READABLE, || {
        let mut control = cmsg_space!(libc::in6_pktinfo);
        let mut payload = [IoSliceMut::new(buffer)];
        let received = recvmsg::<SockaddrStorage>(
            socket.as_raw_fd(),
            &mut payload,
            Some(&mut control),
            MsgFlags::MSG_DONTWAIT,
        )?;
        let client = received.address.as_ref().and_then(client_address).ok_or_else(|| missing("source"))?;
        let mut asked = None;
        for message in received.cmsgs()? {
            #[expect(clippy::wildcard_enum_match_arm, reason = "the socket subscribes to nothing else")]
            match message {
                ControlMessageOwned::Ipv4PacketInfo(info) => asked = Some(Asked::V4(info)),
                ControlMessageOwned::Ipv6PacketInfo(info) => asked = Some(Asked::V6(info)),
                _ => {}
            }
        }
        Ok(Query { length: received.bytes, client, asked: asked.ok_or_else(|| missing("destination"))? })
    })
}

/// Replies from the address that was asked, by whichever way the routes lead to the client.
pub(super) fn send(socket: &UdpSocket, reply: &[u8], query: &Query) -> io::Result<()> {
    let payload = [IoSlice::new(reply)];
    let client = SockaddrStorage::from(query.client);
    let from = match query.asked {
        Asked::V4(info) => Asked::V4(libc::in_pktinfo { ipi_ifindex: 0, ..info }),
        // A link-local address means nothing without its link.
        Asked::V6(info) if Ipv6Addr::from(info.ipi6_addr.s6_addr).is_unicast_link_local() => Asked::V6(info),
        Asked::V6(info) => Asked::V6(libc::in6_pktinfo { ipi6_ifindex: 0, ..info }),
    };
    let control = match &from {
        Asked::V4(info) => ControlMessage::Ipv4PacketInfo(info),
        Asked::V6(info) => ControlMessage::Ipv6PacketInfo(info),
    };
    sendmsg(socket.as_raw_fd(), &payload, &[control], MsgFlags::MSG_DONTWAIT, Some(&client))?;
    Ok(())
}

fn client_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|address| SocketAddr::from(*address));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| SocketAddr::from(*address)))
}

fn missing(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the kernel did not tell the {what} address"))
}
