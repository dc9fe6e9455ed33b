//! Who holds a port: what the kernel tells in /proc.

use std::{
    fmt, fs,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    path::Path,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Udp,
    Tcp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        })
    }
}

/// A process with a socket on the port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    name: String,
    process: u32,
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (process {})", self.name, self.process)
    }
}

/// The process whose socket keeps an address from being bound, in the thread's network namespace; nothing if it is
/// of another process namespace, or another user's and this one may not look.
pub(super) fn of(protocol: Protocol, address: SocketAddr) -> Option<Holder> {
    // A thread may have entered a namespace that is not its process's.
    let tables = match protocol {
        Protocol::Udp => ["/proc/thread-self/net/udp", "/proc/thread-self/net/udp6"],
        Protocol::Tcp => ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"],
    };
    let tables = tables.map(|path| fs::read_to_string(path).unwrap_or_default());
    let sockets = tables.iter().flat_map(|table| table.lines().filter_map(|line| parse(protocol, line)));
    let inodes: Vec<u64> =
        sockets.filter(|(local, _)| overlaps(*local, address)).map(|(_, inode)| inode).collect();
    let wanted: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let mut processes = fs::read_dir("/proc").ok()?.flatten();
    processes.find_map(|process| {
        let number = process.file_name().to_str()?.parse().ok()?;
        has_any(&process.path(), &wanted).then(|| Holder { name: name(&process.path()), process: number })
    })
}

/// Local address and inode of a line of /proc/net/udp, udp6, tcp or tcp6, if it is of a socket that holds its address.
fn parse(protocol: Protocol, line: &str) -> Option<(SocketAddr, u64)> {
    /// `TCP_LISTEN` of include/net/tcp_states.h. A connection doesn't hold its address against a listener.
    const LISTEN: &str = "0A";
    let mut columns = line.split_whitespace();
    let (address, port) = columns.nth(1)?.split_once(':')?;
    let state = columns.nth(1)?;
    let inode = columns.nth(5)?.parse().ok()?;
    if protocol == Protocol::Tcp && state != LISTEN {
        return None;
    }
    // 32-bit words in the host's order, each of which holds network order.
    let word = |at: usize| Some(u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let address = match address.len() {
        8 => IpAddr::from(word(0)?),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            IpAddr::from(<[u8; 16]>::try_from(words.as_flattened()).ok()?)
        }
        _ => return None,
    };
    Some((SocketAddr::new(address, u16::from_str_radix(port, 16).ok()?), inode))
}

/// Whether a socket bound to one may keep the other from being bound. An IPv6 wildcard may hold IPv4 too; whether it
/// does is not told.
fn overlaps(held: SocketAddr, wanted: SocketAddr) -> bool {
    let same_family = held.is_ipv4() == wanted.is_ipv4();
    let either_is_wildcard = held.ip().is_unspecified() || wanted.ip().is_unspecified();
    let holds_both_families = held.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    held.port() == wanted.port()
        && (held.ip() == wanted.ip() || holds_both_families || same_family && either_is_wildcard)
}

fn has_any(process: &Path, wanted: &[String]) -> bool {
    let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    let mut targets = descriptors.filter_map(|descriptor| fs::read_link(descriptor.path()).ok());
    targets.any(|target| wanted.iter().any(|wanted| target == Path::new(wanted)))
}

fn name(process: &Path) -> String {
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    if name.trim().is_empty() { "a process".into() } else { name.trim().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn lines_of_the_kernels_tables() {
        for (protocol, line, expected) in [
            (
                Protocol::Udp,
                "  471: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 18943 2 \
                 0000000000000000 0",
                Some(("127.0.0.53:53", 18_943)),
            ),
            (
                Protocol::Udp,
                " 1000: 000080FE000000000000000001000000:14E9 00000000000000000000000000000000:0000 07 \
                 00000000:00000000 00:00000000 00000000     0        0 20417 2 0000000000000000 0",
                Some(("[fe80::1]:5353", 20_417)),
            ),
            (
                Protocol::Tcp,
                "   0: 3500007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 18944 1 \
                 0000000000000000 100 0 0 10 5",
                Some(("127.0.0.53:53", 18_944)),
            ),
            (
                Protocol::Tcp,
                "   1: 0100007F:0035 0100007F:C3A8 01 00000000:00000000 00:00000000 00000000   101        0 18945 1 \
                 0000000000000000 20 4 30 10 -1",
                None,
            ),
            (
                Protocol::Udp,
                "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid",
                None,
            ),
            (Protocol::Udp, "", None),
        ] {
            let expected = expected.map(|(address, inode)| (address.parse().expect("an address"), inode));
            assert_eq!(parse(protocol, line), expected, "{line}");
        }
    }

    #[test]
    fn sockets_that_keep_an_address_from_being_bound() {
        for (held, wanted, expected) in [
            ("127.0.0.1:53", "127.0.0.1:53", true),
            ("127.0.0.1:53", "127.0.0.1:54", false),
            ("127.0.0.1:53", "127.0.0.2:53", false),
            ("127.0.0.1:53", "0.0.0.0:53", true),
            ("0.0.0.0:53", "127.0.0.1:53", true),
            ("[::1]:53", "[::]:53", true),
            ("[::1]:53", "0.0.0.0:53", false),
            ("127.0.0.1:53", "[::]:53", false),
            ("[::]:53", "127.0.0.1:53", true),
        ] {
            let address = |text: &str| text.parse().expect("an address");
            assert_eq!(overlaps(address(held), address(wanted)), expected, "{held} and {wanted}");
        }
    }
}
