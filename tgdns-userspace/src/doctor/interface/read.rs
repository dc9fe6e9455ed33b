//! Asks kernel and driver about an interface of the thread's network namespace.

use std::fs;

use super::{Interface, Interrupts};
use crate::{
    cluster::XdpMode,
    ethtool::{self, Flow},
};

impl Interface {
    pub fn read(name: &str, mode: XdpMode) -> Self {
        let exists = nix::net::if_::if_nametoindex(name).is_ok();
        let vlans = fs::read_to_string("/proc/thread-self/net/vlan/config").unwrap_or_default();
        let devices = fs::read_to_string("/proc/thread-self/net/dev").unwrap_or_default();
        Self {
            name: name.to_owned(),
            driver: exists.then(|| ethtool::driver(name).unwrap_or_else(|| "(unnamed)".to_owned())),
            mode,
            queues: ethtool::queues(name),
            ring: ethtool::receive_ring(name),
            offloads: ethtool::offloads(name),
            hashes_ports: [Flow::UdpV4, Flow::UdpV6].map(|flow| ethtool::hashes_ports(name, flow)),
            vlans: vlans_of(&vlans, name),
            lost: lost(&devices, name),
            interrupts: Interrupts::read(name),
        }
    }
}

/// The VLAN devices above an interface, of lines like `eth0.5 | 5 | eth0`.
pub(in crate::doctor) fn vlans_of(config: &str, interface: &str) -> Vec<String> {
    let lines = config.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let vlan = |columns: Vec<&str>| match *columns {
        [vlan, _, below] if below == interface => Some(vlan.to_owned()),
        _ => None,
    };
    lines.filter_map(vlan).collect()
}

/// What an interface of `/proc/net/dev` dropped on receipt, or had no room for.
pub(in crate::doctor) fn lost(devices: &str, interface: &str) -> Option<u64> {
    let mut lines = devices.lines().filter_map(|line| line.split_once(':'));
    let (_, columns) = lines.find(|(name, _)| name.trim() == interface)?;
    // Bytes, packets, errors, dropped (what was missed included), without a place in the queue.
    let mut columns = columns.split_whitespace().skip(3).map(|column| column.parse::<u64>().ok());
    Some(columns.next()?? + columns.next()??)
}
