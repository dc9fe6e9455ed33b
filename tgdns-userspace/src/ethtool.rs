//! What drivers tell by the ethtool ioctl, in the thread's network namespace; `/sys` may show another one's interfaces.
//!
//! Structs and numbers are those of linux/ethtool.h. A driver that does not tell something gives nothing.

use std::{ffi::CStr, mem, os::fd::AsRawFd as _};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

const GDRVINFO: u32 = 0x03;
const GRINGPARAM: u32 = 0x10;
const GFLAGS: u32 = 0x25;
const GRXFH: u32 = 0x29;
const GCHANNELS: u32 = 0x3c;

/// Of GFLAGS: received frames become large ones, and their VLAN tags are taken out.
const LARGE_RECEIVE: u32 = 1 << 15;
const TAKES_TAGS: u32 = 1 << 8;

/// Of GRXFH: both ports.
const PORTS: u32 = (1 << 6) | (1 << 7);

/// A struct of up to 256 bytes, more than each of those that are asked for has.
type Message = [u32; 64];

/// What a driver is called.
pub(crate) fn driver(interface: &str) -> Option<String> {
    let message = ask(interface, GDRVINFO, 0)?;
    // `struct ethtool_drvinfo`: 32 characters behind the command.
    let name: &[u8] = bytemuck::cast_slice(message.get(1..9)?);
    let name = CStr::from_bytes_until_nul(name).ok()?.to_string_lossy().into_owned();
    (!name.is_empty()).then_some(name)
}

/// How many of something there are, and could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub now: u32,
    pub most: u32,
}

/// The queues of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queues {
    /// Those that receive.
    pub receiving: Size,
    /// Whether each of them sends, too, which decides about the words of `ethtool -L`.
    pub are_combined: bool,
}

pub(crate) fn queues(interface: &str) -> Option<Queues> {
    // `struct ethtool_channels`.
    let [_, most_rx, _, _, most_combined, rx, _, _, combined, ..] = ask(interface, GCHANNELS, 0)?;
    let are_combined = most_combined != 0;
    let most = if are_combined { most_combined } else { most_rx };
    (most != 0).then_some(Queues { receiving: Size { now: rx + combined, most }, are_combined })
}

/// The frames that each receive queue has room for.
pub(crate) fn receive_ring(interface: &str) -> Option<Size> {
    // `struct ethtool_ringparam`.
    let [_, most, _, _, _, now, ..] = ask(interface, GRINGPARAM, 0)?;
    (most != 0).then_some(Size { now, most })
}

/// What a NIC does to received frames before a program sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    pub large_receive: bool,
    pub takes_tags: bool,
}

pub(crate) fn offloads(interface: &str) -> Option<Offloads> {
    let [_, flags, ..] = ask(interface, GFLAGS, 0)?;
    Some(Offloads { large_receive: flags & LARGE_RECEIVE != 0, takes_tags: flags & TAKES_TAGS != 0 })
}

/// A kind of frames whose queue is chosen by a hash of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    UdpV4 = 0x02,
    UdpV6 = 0x06,
}

/// Whether the ports of such a frame have a say in the choice of its queue.
pub(crate) fn hashes_ports(interface: &str, flow: Flow) -> Option<bool> {
    // `struct ethtool_rxnfc`: a number of 64 bits behind the flow; it is as large as the bits that are looked at are low.
    let [_, _, one, other, ..] = ask(interface, GRXFH, flow as u32)?;
    Some((one | other) & PORTS == PORTS)
}

/// Asks for a struct, of which the first word is the command and the second one may be an argument.
fn ask(interface: &str, command: u32, argument: u32) -> Option<Message> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).ok()?;
    let mut message: Message = [0; 64];
    [message[0], message[1]] = [command, argument];
    // SAFETY: all of it are integers, arrays of such, and pointers, which may be zero.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    // The last byte stays zero.
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes().take(room)) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_data = (&raw mut message).cast();
    // SAFETY: both structs live until the call returns, and the kernel writes no more than the struct of the command, of which
    // the largest is `struct ethtool_drvinfo` with 196 bytes.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
    (result == 0).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network_namespace::NetworkNamespace;

    #[test]
    fn drivers_are_asked_in_the_threads_namespace() {
        let namespace = NetworkNamespace::new();
        namespace.ip("link add tgdns-bridge type bridge");
        namespace.ip("link add tgdns-a numrxqueues 3 numtxqueues 3 type veth peer name tgdns-b");
        namespace.block_on(|| async {
            for (interface, expected) in
                [("tgdns-bridge", Some("bridge")), ("tgdns-a", Some("veth")), ("tgdns-none", None)]
            {
                assert_eq!(driver(interface).as_deref(), expected, "{interface}");
            }
            let receiving = Size { now: 3, most: 3 };
            assert_eq!(queues("tgdns-a"), Some(Queues { receiving, are_combined: false }));
            assert_eq!(offloads("tgdns-a"), Some(Offloads { large_receive: false, takes_tags: true }));
            // A bridge has none, and a veth no hash.
            assert_eq!((queues("tgdns-bridge"), receive_ring("tgdns-bridge")), (None, None));
            assert_eq!(hashes_ports("tgdns-a", Flow::UdpV4), None);
        });
    }
}
