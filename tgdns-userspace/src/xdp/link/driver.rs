//! The name of an interface's driver.

use std::{ffi::CStr, mem};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// Of linux/ethtool.h.
const ETHTOOL_GDRVINFO: u32 = 3;

/// `struct ethtool_drvinfo`, whose other fields nobody reads.
#[repr(C)]
struct Information {
    command: u32,
    driver: [u8; 32],
    rest: [u8; 160],
}

/// By ETHTOOL_GDRVINFO, in the thread's network namespace; `/sys` may show another one's interfaces.
pub(super) fn name(interface: &str) -> Option<String> {
    use std::os::fd::AsRawFd as _;

    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).ok()?;
    let mut information = Information { command: ETHTOOL_GDRVINFO, driver: [0; 32], rest: [0; 160] };
    // SAFETY: all of it are integers, arrays of such, and pointers, which may be zero.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    // The last byte stays zero.
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes().take(room)) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_data = (&raw mut information).cast();
    // SAFETY: both structs live until the call returns, and the kernel writes no more than `struct ethtool_drvinfo`, whose 196
    // bytes `Information` has.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
    let name = CStr::from_bytes_until_nul(&information.driver).ok()?.to_string_lossy().into_owned();
    (result == 0 && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network_namespace::NetworkNamespace;

    #[test]
    fn drivers_are_told_in_the_threads_namespace() {
        assert_eq!(size_of::<Information>(), 196);
        let namespace = NetworkNamespace::new();
        namespace.ip("link add tgdns-bridge type bridge");
        namespace.ip("link add tgdns-a type veth peer name tgdns-b");
        namespace.block_on(|| async {
            for (interface, expected) in
                [("tgdns-bridge", Some("bridge")), ("tgdns-a", Some("veth")), ("tgdns-none", None)]
            {
                assert_eq!(name(interface).as_deref(), expected, "{interface}");
            }
        });
    }
}
