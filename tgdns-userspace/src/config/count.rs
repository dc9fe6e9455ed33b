//! Counting addresses from a base, as parts do with their servers' own addresses and aliases.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::leaf::{Base, refuse};

/// The places of a part, for rows that are counted beside that of its servers' own addresses.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) step: i64,
    /// Where there is no server, by place.
    pub(super) is_hole: Vec<bool>,
}

impl Places {
    /// Of one server.
    pub(super) fn single() -> Self {
        Self { step: 1, is_hole: vec![false] }
    }

    /// An address for each place, from a base on, or why they can't be had. At a hole it may be what it likes.
    pub(super) fn addresses(&self, base: &Base) -> Result<Vec<IpAddr>, String> {
        let counting = Counting { base, step: self.step, skip: &[] };
        let holes = (0..).zip(&self.is_hole).filter(|(_, is_hole)| **is_hole);
        let skip: Vec<IpAddr> = holes.filter_map(|(place, _)| counting.at(place)).collect();
        let count = u32::try_from(self.is_hole.len()).unwrap_or(u32::MAX);
        Counting { skip: &skip, ..counting }.row(count)
    }
}

/// How addresses are counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counting<'f> {
    pub(super) base: &'f Base,
    /// Negative to count backwards.
    pub(super) step: i64,
    /// Not handed out, so that they may be what they like.
    pub(super) skip: &'f [IpAddr],
}

impl Counting<'_> {
    /// The addresses at `places` places in a row, those to be skipped among them; or why they can't be had.
    pub(super) fn row(&self, places: u32) -> Result<Vec<IpAddr>, String> {
        let Base { address: first, network, .. } = self.base;
        let (advice, end) = match self.step {
            1.. => ("start lower", "end"),
            ..=0 => ("start higher", "beginning"),
        };
        let row: Vec<Option<IpAddr>> = (0..places).map(|index| self.at(index)).collect();
        let counting = match self.step {
            1 => format!("counting {places} addresses from {first}"),
            step => format!("counting {places} addresses from {first} by {step}"),
        };
        let Some(row) = row.into_iter().collect::<Option<Vec<IpAddr>>>() else {
            let family = if first.is_ipv4() { "IPv4" } else { "IPv6" };
            return Err(format!(
                "{counting} runs past the {end} of the {family} address space: {advice} or count fewer"
            ));
        };
        if let Some(last) = row.last().filter(|last| !network.contains(*last)) {
            return Err(format!(
                "{counting} reaches {last}, outside of {}; {advice}, count fewer, or write the network's own \
                 prefix, such as \"{first}/{}\"",
                network.trunc(),
                prefix_of_both(*first, *last)
            ));
        }
        let wrong =
            |address: &IpAddr| Some((*address, refuse(*address).or_else(|| self.unusable(*address))?));
        let mut handed_out = row.iter().filter(|address| !self.skip.contains(address));
        match handed_out.find_map(wrong) {
            Some((address, cause)) => Err(format!("counting from {first} reaches {address}, which {cause}")),
            None => Ok(row),
        }
    }

    /// The same with as many places as `count` addresses take beside those to be skipped.
    pub(super) fn row_of(&self, count: u32) -> Result<Vec<IpAddr>, String> {
        let skipped = |place: u32| self.at(place).is_some_and(|address| self.skip.contains(&address));
        let (mut places, mut found) = (0, 0);
        while found < count {
            found += u32::from(!skipped(places));
            places += 1;
        }
        self.row(places)
    }

    /// The address at a place, if the address space has it.
    fn at(&self, place: u32) -> Option<IpAddr> {
        let distance = i128::from(self.step) * i128::from(place);
        match self.base.address {
            IpAddr::V4(v4) => {
                let bits = u32::try_from(i128::from(u32::from(v4)) + distance).ok()?;
                Some(Ipv4Addr::from(bits).into())
            }
            IpAddr::V6(v6) => {
                let bits = u128::from(v6).checked_add_signed(distance)?;
                Some(Ipv6Addr::from(bits).into())
            }
        }
    }

    /// Why no machine has an address in the network that the file gives.
    fn unusable(&self, address: IpAddr) -> Option<String> {
        let Base { network, network_is_given: true, .. } = self.base else { return None };
        let what = match network {
            IpNet::V4(v4) if v4.prefix_len() >= 31 => return None,
            IpNet::V6(v6) if v6.prefix_len() >= 127 => return None,
            IpNet::V4(v4) if address == v4.broadcast() => "the broadcast address",
            IpNet::V4(v4) if address == v4.network() => "the network's own address",
            IpNet::V6(v6) if address == v6.network() => "the routers' anycast address",
            IpNet::V4(_) | IpNet::V6(_) => return None,
        };
        Some(format!("is {what} in {}: name it in `skip`, or count elsewhere", network.trunc()))
    }
}

/// The length of the smallest prefix that has both addresses.
fn prefix_of_both(first: IpAddr, last: IpAddr) -> u8 {
    let longest = if first.is_ipv4() { 32 } else { 128 };
    let has_both = |length: &u8| IpNet::new(first, *length).is_ok_and(|network| network.contains(&last));
    (0..=longest).rev().find(has_both).unwrap_or(0)
}
