//! From the kernel's tables to the addresses that frames on the configured interfaces may ask; pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use anyhow::bail;

use super::{
    Device, Snapshot,
    tables::{Link, Tables},
};

/// An address of this host, and how a frame to it looks on a configured interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceAddress {
    /// The configured interface, where the frame arrives.
    pub interface: String,
    pub interface_index: u32,
    /// Of the device that has the address: the interface, the bond that it is a port of, or a VLAN device on either.
    pub mac: [u8; 6],
    /// VLAN identifiers, the outer one first; none to two.
    pub vlan_tags: Vec<u16>,
    pub address: IpAddr,
}

impl Tables {
    pub(super) fn snapshot(&self, interfaces: &[String]) -> Snapshot {
        let configured = self.links.iter().filter(|link| interfaces.contains(&link.name));
        Snapshot {
            devices: configured.map(|link| (link.name.clone(), Device::from(link))).collect(),
            services: self.service_addresses(interfaces),
            ..Snapshot::default()
        }
    }

    /// All usable addresses of the interfaces, of the bonds that they are ports of, and of the VLAN devices stacked on those.
    fn service_addresses(&self, interfaces: &[String]) -> BTreeSet<ServiceAddress> {
        let mut found = BTreeSet::new();
        for interface in self.links.iter().filter(|link| link.is_up && interfaces.contains(&link.name)) {
            for address in &self.addresses {
                let Some(device) = self.link(address.link) else { continue };
                let (Some(mac), Some(vlan_tags)) = (device.mac, self.tags_between(interface, device)) else {
                    continue;
                };
                found.insert(ServiceAddress {
                    interface: interface.name.clone(),
                    interface_index: interface.index,
                    mac,
                    vlan_tags,
                    address: address.address,
                });
            }
        }
        found
    }

    /// The configured interfaces that do not exist, and what the devices that they were are called now, where these still do.
    pub(super) fn renamed(
        &self,
        interfaces: &[String],
        were: &BTreeMap<String, Device>,
    ) -> BTreeMap<String, Option<String>> {
        let name = |interface: &String| Some(self.link(were.get(interface)?.index)?.name.clone());
        self.missing(interfaces).into_iter().map(|interface| (interface.clone(), name(&interface))).collect()
    }

    /// The configured interfaces that do not exist.
    fn missing(&self, interfaces: &[String]) -> Vec<String> {
        let exists = |name: &&String| self.links.iter().any(|link| link.name == **name);
        interfaces.iter().filter(|name| !exists(name)).cloned().collect()
    }

    /// An error for people if an interface does not exist.
    pub(super) fn require(&self, interfaces: &[String]) -> anyhow::Result<()> {
        let missing = self.missing(interfaces);
        if missing.is_empty() {
            return Ok(());
        }
        let mut present: Vec<&str> = self.links.iter().map(|link| link.name.as_str()).collect();
        present.sort_unstable();
        let verb = if missing.len() == 1 { "does" } else { "do" };
        bail!(
            "interfaces: {} {verb} not exist; this host has {}",
            missing.join(", "),
            if present.is_empty() { "none".into() } else { present.join(", ") }
        )
    }

    /// The tags, outer first, that a frame on the interface carries to reach the device; nothing if it does not get
    /// there: another interface's device, a device in between that is down, or more than two tags.
    fn tags_between(&self, interface: &Link, device: &Link) -> Option<Vec<u16>> {
        let mut tags = Vec::new();
        let mut current = device;
        while current.is_up {
            if current.index == interface.index
                || (current.is_bond && interface.controller == Some(current.index))
            {
                tags.reverse();
                return Some(tags);
            }
            let vlan = current.vlan.filter(|_| tags.len() < 2)?;
            tags.push(vlan.identifier);
            current = self.link(vlan.lower)?;
        }
        None
    }

    pub(super) fn link(&self, index: u32) -> Option<&Link> {
        self.links.iter().find(|link| link.index == index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::tables::{Address, Vlan};

    #[test]
    fn vlan_devices_contribute_with_their_tags() {
        let mut tables = stacked();
        let all = [
            ("eth0", 2, 2, vec![], "192.0.2.2"),
            ("eth0", 2, 3, vec![100], "192.0.2.3"),
            ("eth0", 2, 4, vec![100, 7], "192.0.2.4"),
        ];
        // Not eth0.100.7.8 with its three tags, not eth1, and not eth1.9 on top of it.
        check(&tables, &["eth0"], &all);

        let eth1 = [("eth1", 6, 6, vec![], "192.0.2.6"), ("eth1", 6, 7, vec![9], "192.0.2.7")];
        check(&tables, &["eth1"], &eth1);
        check(&tables, &["eth0", "eth1", "eth2"], &[&all[..], &eth1[..]].concat());

        // A device in between hides those above it; one above hides only itself.
        tables.links[1].is_up = false;
        check(&tables, &["eth0"], &all[..1]);
        tables.links[1].is_up = true;
        tables.links[2].is_up = false;
        check(&tables, &["eth0"], &all[..2]);
        tables.links[0].is_up = false;
        check(&tables, &["eth0"], &[]);
    }

    #[test]
    fn a_configured_vlan_device_sees_frames_without_its_own_tag() {
        let expected = [
            ("eth0.100", 3, 3, vec![], "192.0.2.3"),
            ("eth0.100", 3, 4, vec![7], "192.0.2.4"),
            ("eth0.100", 3, 5, vec![7, 8], "192.0.2.5"),
        ];
        check(&stacked(), &["eth0.100"], &expected);
    }

    #[test]
    fn a_bonds_addresses_are_those_of_its_ports() {
        let port = |index, name| Link { controller: Some(4), ..link(index, name, None) };
        let bond = Link { is_bond: true, ..link(4, "bond0", None) };
        let links = vec![port(2, "eth0"), port(3, "eth1"), bond, link(5, "bond0.9", Some((9, 4)))];
        let addresses = [4, 5].map(address).to_vec();
        let mut tables = Tables { links, addresses };
        let row =
            |name, index| [(name, index, 4, vec![], "192.0.2.4"), (name, index, 5, vec![9], "192.0.2.5")];
        check(&tables, &["eth0", "eth1"], &[row("eth0", 2), row("eth1", 3)].concat());
        check(&tables, &["bond0"], &row("bond0", 4));
        tables.links[0].is_up = false;
        check(&tables, &["eth0", "eth1"], &row("eth1", 3));
        // A bridge's addresses may be behind its own filters.
        tables.links[2].is_bond = false;
        check(&tables, &["eth1"], &[]);
    }

    #[test]
    fn odd_tables_contribute_nothing() {
        // A device without an Ethernet address, one stacked on itself, one on nothing, an address of no device.
        let links = vec![
            Link { mac: None, ..link(2, "eth0", None) },
            link(3, "loop", Some((1, 3))),
            link(4, "lost", Some((1, 99))),
        ];
        let addresses = (2..6).map(address).collect();
        check(&Tables { links, addresses }, &["eth0"], &[]);
    }

    #[test]
    fn missing_interfaces_are_listed_with_what_there_is() {
        for (interfaces, expected) in [
            (&["eth0", "eth1"][..], None),
            (
                &["eth7"],
                Some("interfaces: eth7 does not exist; this host has eth0, eth0.100, eth1, eth1.9, q, qq"),
            ),
            (
                &["eth8", "eth0", "eth9"],
                Some(
                    "interfaces: eth8, eth9 do not exist; this host has eth0, eth0.100, eth1, eth1.9, q, qq",
                ),
            ),
        ] {
            let told = stacked().require(&names(interfaces)).err().map(|error| error.to_string());
            assert_eq!(told.as_deref(), expected);
        }
        let told = Tables::default().require(&names(&["eth0"])).err().map(|error| error.to_string());
        assert_eq!(told.as_deref(), Some("interfaces: eth0 does not exist; this host has none"));
    }

    /// Interface, its index, last byte of the MAC, tags, address.
    type Row = (&'static str, u32, u8, Vec<u16>, &'static str);

    fn check(tables: &Tables, interfaces: &[&str], expected: &[Row]) {
        let expected =
            expected.iter().map(|(interface, interface_index, mac, vlan_tags, address)| ServiceAddress {
                interface: (*interface).into(),
                interface_index: *interface_index,
                mac: [2, 0, 0, 0, 0, *mac],
                vlan_tags: vlan_tags.clone(),
                address: address.parse().expect("an address"),
            });
        assert_eq!(tables.service_addresses(&names(interfaces)), expected.collect());
    }

    fn stacked() -> Tables {
        let links = vec![
            link(2, "eth0", None),
            link(3, "eth0.100", Some((100, 2))),
            link(4, "q", Some((7, 3))),
            link(5, "qq", Some((8, 4))),
            link(6, "eth1", None),
            link(7, "eth1.9", Some((9, 6))),
        ];
        Tables { addresses: links.iter().map(|link| address(link.index)).collect(), links }
    }

    fn link(index: u32, name: &str, vlan: Option<(u16, u32)>) -> Link {
        Link {
            index,
            name: name.into(),
            is_up: true,
            has_carrier: true,
            mac: Some([2, 0, 0, 0, 0, u8::try_from(index).expect("a small index")]),
            vlan: vlan.map(|(identifier, lower)| Vlan { identifier, lower }),
            is_bond: false,
            controller: None,
            program: None,
        }
    }

    fn address(link: u32) -> Address {
        Address { link, address: format!("192.0.2.{link}").parse().expect("an address") }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).into()).collect()
    }
}
