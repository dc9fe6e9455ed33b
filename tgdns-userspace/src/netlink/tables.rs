//! The kernel's links and addresses, as far as service addresses depend on them.

use std::{collections::BTreeMap, io, net::IpAddr, time::Duration};

use anyhow::Context as _;
use futures_util::TryStreamExt as _;
use netlink_packet_route::{
    AddressFamily,
    address::{AddressAttribute, AddressFlags, AddressMessage},
    link::{InfoData, InfoKind, InfoVlan, LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo, LinkMessage},
};
use rtnetlink::Handle;

use super::{Carrier, Device};
use crate::xdp::link::Attachment;

/// A kernel that takes longer lost the request.
const PATIENCE: Duration = Duration::from_secs(2);

/// One full reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tables {
    pub(super) links: Vec<Link>,
    pub(super) addresses: Vec<Address>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) name: String,
    /// Whether an administrator wants it up. A link without a carrier keeps its addresses: nothing arrives on it anyway.
    pub(super) is_up: bool,
    /// Whether frames could arrive.
    pub(super) has_carrier: bool,
    /// Nothing for devices without Ethernet addresses.
    pub(super) mac: Option<[u8; 6]>,
    pub(super) vlan: Option<Vlan>,
    pub(super) is_bond: bool,
    /// The device that it is a port of, such as a bond.
    pub(super) controller: Option<u32>,
    /// Its XDP program, by the kernel's number.
    pub(super) program: Option<u32>,
}

/// A VLAN device's tag and the device that it is stacked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Vlan {
    pub(super) identifier: u16,
    pub(super) lower: u32,
}

/// An address that the kernel accepts packets for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) link: u32,
    pub(super) address: IpAddr,
}

impl Tables {
    /// Asks the kernel, in the thread's network namespace.
    pub(super) async fn read() -> anyhow::Result<Self> {
        ask(async |handle| {
            let skip_statistics = vec![LinkExtentMask::SkipStats];
            let links = handle.link().get().set_filter_mask(AddressFamily::Unspec, skip_statistics).execute();
            let links: Vec<LinkMessage> = links.try_collect().await.context("links")?;
            let addresses: Vec<AddressMessage> =
                handle.address().get().execute().try_collect().await.context("addresses")?;
            Ok(Self {
                links: links.into_iter().map(Link::from).collect(),
                addresses: addresses.iter().filter_map(Address::usable).collect(),
            })
        })
        .await
    }
}

/// Whether these devices are still what was read of them: names, states and programs. Others are not looked at.
pub(super) async fn are_still(devices: &BTreeMap<String, Device>) -> bool {
    let unchanged = ask(async |handle| {
        for (name, device) in devices {
            let mut links = handle.link().get().match_index(device.index).execute();
            let link = links.try_next().await?.map(Link::from);
            if link.is_none_or(|link| link.name != *name || Device::from(&link) != *device) {
                return Ok(false);
            }
        }
        Ok(true)
    });
    // What is no more can't be asked for.
    unchanged.await.unwrap_or(false)
}

/// A socket for each reading: no state that could break outlives it.
async fn ask<T>(reading: impl AsyncFnOnce(Handle) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let (connection, handle, _unsolicited) = rtnetlink::new_connection()?;
    tokio::select! {
        answer = reading(handle) => answer,
        () = connection => Err(io::Error::from(io::ErrorKind::ConnectionAborted).into()),
        () = tokio::time::sleep(PATIENCE) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}

impl From<&Link> for Device {
    fn from(link: &Link) -> Self {
        let carrier = match (link.is_up, link.has_carrier) {
            (false, _) => Carrier::Down,
            (true, false) => Carrier::Lost,
            (true, true) => Carrier::Up,
        };
        Self { index: link.index, carrier, program: link.program }
    }
}

impl From<LinkMessage> for Link {
    fn from(message: LinkMessage) -> Self {
        let mut link = Self {
            index: message.header.index,
            name: String::new(),
            is_up: message.header.flags.contains(LinkFlags::Up),
            has_carrier: message.header.flags.contains(LinkFlags::LowerUp),
            mac: None,
            vlan: None,
            is_bond: false,
            controller: None,
            program: None,
        };
        let (mut lower, mut lower_is_elsewhere, mut identifier) = (None, false, None);
        for attribute in message.attributes {
            #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel tells much more about a link")]
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::Address(bytes) => link.mac = bytes.try_into().ok(),
                LinkAttribute::Link(index) => lower = Some(index),
                LinkAttribute::LinkNetNsId(_) => lower_is_elsewhere = true,
                LinkAttribute::LinkInfo(information) => {
                    link.is_bond = information.contains(&LinkInfo::Kind(InfoKind::Bond));
                    identifier = vlan_identifier(&information);
                }
                LinkAttribute::Controller(index) => link.controller = Some(index),
                LinkAttribute::Xdp(attributes) => {
                    link.program = Attachment::of(&attributes).map(|attached| attached.program_id);
                }
                _ => {}
            }
        }
        if let (Some(identifier), Some(lower), false) = (identifier, lower, lower_is_elsewhere) {
            link.vlan = Some(Vlan { identifier, lower });
        }
        link
    }
}

/// The tag of a VLAN device, 802.1Q and 802.1ad alike: a service address tells identifiers, not protocols.
fn vlan_identifier(information: &[LinkInfo]) -> Option<u16> {
    information.contains(&LinkInfo::Kind(InfoKind::Vlan)).then_some(())?;
    information.iter().find_map(|item| {
        let LinkInfo::Data(InfoData::Vlan(data)) = item else { return None };
        data.iter()
            .find_map(|item| if let InfoVlan::Id(identifier) = item { Some(*identifier) } else { None })
    })
}

impl Address {
    /// Nothing for an address that is not (yet) this host's: duplicate address detection runs, or found another owner.
    pub(super) fn usable(message: &AddressMessage) -> Option<Self> {
        // The header has room for the first eight flags only; the attribute has them all.
        let mut flags = AddressFlags::from_bits_retain(message.header.flags.bits().into());
        let (mut own, mut peer_or_own) = (None, None);
        for attribute in &message.attributes {
            #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel tells much more about an address")]
            match attribute {
                AddressAttribute::Local(address) => own = Some(*address),
                AddressAttribute::Address(address) => peer_or_own = Some(*address),
                AddressAttribute::Flags(all) => flags = *all,
                _ => {}
            }
        }
        // Optimistic addresses (RFC 4429) are used while detection runs.
        let is_pending = flags.contains(AddressFlags::Tentative) && !flags.contains(AddressFlags::Optimistic);
        if is_pending || flags.contains(AddressFlags::Dadfailed) {
            return None;
        }
        Some(Self { link: message.header.index, address: own.or(peer_or_own)? })
    }
}

#[cfg(test)]
mod tests {
    use netlink_packet_route::{
        address::AddressHeaderFlags,
        link::{LinkXdp, VlanProtocol, XdpAttached},
    };

    use super::*;

    #[test]
    fn links_by_their_messages() {
        let vlan = |identifier, protocol| {
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Vlan),
                LinkInfo::Data(InfoData::Vlan(vec![InfoVlan::Protocol(protocol), InfoVlan::Id(identifier)])),
            ])
        };
        let mac = LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1]);
        let on = LinkAttribute::Link(2);
        let stacked = Some(Vlan { identifier: 5, lower: 2 });
        for (attributes, expected_mac, expected_vlan) in [
            (vec![mac.clone()], Some([2, 0, 0, 0, 0, 1]), None),
            (vec![LinkAttribute::Address(vec![10, 0, 0, 1])], None, None),
            (vec![on.clone(), vlan(5, VlanProtocol::Ieee8021Q)], None, stacked),
            (vec![vlan(5, VlanProtocol::Ieee8021Ad), on.clone()], None, stacked),
            // The lower device is in another namespace, where the index means another one.
            (vec![on.clone(), LinkAttribute::LinkNetNsId(0), vlan(5, VlanProtocol::Ieee8021Q)], None, None),
            // Both ends of a veth pair point to each other, too.
            (vec![on, LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Veth)])], None, None),
        ] {
            let mut message = LinkMessage::default();
            message.header.index = 3;
            message.header.flags = LinkFlags::Up | LinkFlags::Running;
            message.attributes = attributes;
            message.attributes.push(LinkAttribute::IfName("eth0".into()));
            let told = format!("{:?}", message.attributes);
            let expected = Link {
                index: 3,
                name: "eth0".into(),
                is_up: true,
                has_carrier: false,
                mac: expected_mac,
                vlan: expected_vlan,
                is_bond: false,
                controller: None,
                program: None,
            };
            assert_eq!(Link::from(message), expected, "{told}");
        }
        assert!(!Link::from(LinkMessage::default()).is_up);

        let mut port = LinkMessage::default();
        port.header.flags = LinkFlags::Up | LinkFlags::LowerUp;
        let xdp = vec![LinkXdp::Attached(XdpAttached::Driver), LinkXdp::ProgId(7)];
        port.attributes = vec![LinkAttribute::Controller(4), LinkAttribute::Xdp(xdp)];
        let port = Link::from(port);
        assert_eq!((port.has_carrier, port.controller, port.program), (true, Some(4), Some(7)));
        let mut bond = LinkMessage::default();
        bond.attributes = vec![LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bond)])];
        assert!(Link::from(bond).is_bond);
    }

    #[test]
    fn addresses_by_their_messages() {
        let own: IpAddr = "192.0.2.1".parse().expect("an address");
        let peer: IpAddr = "192.0.2.2".parse().expect("an address");
        let with = |flags| vec![AddressAttribute::Address(own), AddressAttribute::Flags(flags)];
        for (attributes, expected) in [
            (vec![AddressAttribute::Address(own)], Some(own)),
            (vec![AddressAttribute::Address(peer), AddressAttribute::Local(own)], Some(own)),
            (vec![AddressAttribute::Local(own), AddressAttribute::Address(peer)], Some(own)),
            (vec![], None),
            (with(AddressFlags::Secondary | AddressFlags::Permanent), Some(own)),
            (with(AddressFlags::Deprecated), Some(own)),
            (with(AddressFlags::Tentative), None),
            (with(AddressFlags::Tentative | AddressFlags::Optimistic), Some(own)),
            (with(AddressFlags::Dadfailed | AddressFlags::Permanent), None),
        ] {
            let mut message = AddressMessage::default();
            message.header.index = 3;
            message.attributes = attributes;
            let expected = expected.map(|address| Address { link: 3, address });
            assert_eq!(Address::usable(&message), expected, "{:?}", message.attributes);
        }
        // Old kernels send no attribute for the flags.
        let mut message = AddressMessage::default();
        message.header.flags = AddressHeaderFlags::Tentative;
        message.attributes = vec![AddressAttribute::Address(own)];
        assert_eq!(Address::usable(&message), None);
    }
}
