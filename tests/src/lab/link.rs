//! A cable: a pair of veth devices.

use anyhow::Result;

use super::{namespace::Namespace, program};

/// Lays a cable between two machines. Both ends are up and compute their checksums themselves: a veth leaves
/// that to a receiver which is no NIC, and the fast path passes frames without a right checksum.
pub fn connect(near: &Namespace, interface: &str, far: &Namespace, port: &str) -> Result<()> {
    let near_end = ["link", "add", interface, "netns", near.name(), "type", "veth"];
    let far_end = ["peer", "name", port, "netns", far.name()];
    program::run("ip", &[&near_end[..], &far_end[..]].concat())?;
    for (namespace, device) in [(near, interface), (far, port)] {
        namespace.run("ethtool", &["-K", device, "tx", "off"])?;
        namespace.run("ip", &["link", "set", "dev", device, "up"])?;
    }
    Ok(())
}
