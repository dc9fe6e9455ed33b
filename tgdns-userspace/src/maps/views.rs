//! The map `VIEWS`: each client prefix with its view on both sides, of which programs read one.
//!
//! The other side is made to say what comes next. A prefix that only one of the two publications has gets on the other's
//! side what clients are told there without it, so that its coming and going is seen by nobody.

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Context as _, Result};
use aya::maps::{LpmTrie, MapData, MapError, lpm_trie::Key};
use tgdns_common::tables::{DEFAULT_VIEW, PrefixViews};

use super::grace::{GRACE, outlast};
use crate::image::{Prefix, Prefixes};

/// Address and length in bits.
type Network = ([u8; 16], u8);

/// What is to be written: pure.
type Plan = BTreeMap<Network, PrefixViews>;

const VIEWS: usize = size_of::<PrefixViews>();

pub(super) struct Views {
    map: LpmTrie<MapData, [u8; 16], [u8; VIEWS]>,
    /// What the map says.
    known: Plan,
    /// What the side in use is meant to say.
    current: Prefixes,
    /// When the sides changed, if prefixes that have no meaning any more are left from then.
    changed_at: Option<Instant>,
}

impl Views {
    /// Learns what a map says, of which programs read that side.
    pub(super) fn learn(map: LpmTrie<MapData, [u8; 16], [u8; VIEWS]>, side: u8) -> Result<Self> {
        let mut known = Plan::new();
        for entry in map.iter() {
            let (key, views) = entry?;
            let length = u8::try_from(key.prefix_len()).context("a prefix of more than 128 bits")?;
            let views: PrefixViews = bytemuck::cast(views);
            known.insert((key.data(), length), views);
        }
        let current = on_side(&known, side);
        // What a writer that ended before its time has left.
        let changed_at = (known.len() != current.as_slice().len()).then(Instant::now);
        Ok(Self { map, known, current, changed_at })
    }

    /// What clients are told.
    pub(super) fn current(&self) -> &Prefixes {
        &self.current
    }

    pub(super) fn has_prefixes(&self) -> bool {
        !self.known.is_empty()
    }

    /// Makes the side that nobody reads say what is wanted, if the other one does not, and gives the side to be read from
    /// now on.
    ///
    /// # Errors
    /// A refused write; the side in use says what it did.
    pub(super) fn prepare(&mut self, side: u8, wanted: &Prefixes, written: &mut usize) -> Result<u8> {
        if self.current == *wanted {
            return Ok(side);
        }
        self.tidy_after_grace(written)?;
        let other = 1 - side;
        for (network, views) in plan(&self.current, wanted, side) {
            if self.known.get(&network) != Some(&views) {
                let key = Key::new(u32::from(network.1), network.0);
                self.map.insert(&key, bytemuck::cast::<_, [u8; VIEWS]>(views), 0).context("writing VIEWS")?;
                self.known.insert(network, views);
                *written += 1;
            }
        }
        Ok(other)
    }

    /// The side that was prepared is the one in use.
    pub(super) fn flipped(&mut self, wanted: &Prefixes) {
        if self.current != *wanted {
            self.current.clone_from(wanted);
            self.changed_at = Some(Instant::now());
        }
    }

    /// When prefixes without a meaning may go.
    pub(super) fn tidy_at(&self) -> Option<Instant> {
        self.changed_at.map(|changed_at| changed_at + GRACE)
    }

    /// Waits until no program reads what is written next: that of the publication before the last change.
    fn tidy_after_grace(&mut self, written: &mut usize) -> Result<()> {
        if let Some(changed_at) = self.changed_at {
            outlast(changed_at);
        }
        // It may have failed before.
        self.tidy(written)
    }

    /// Removes the prefixes that have no meaning any more.
    pub(super) fn tidy(&mut self, written: &mut usize) -> Result<()> {
        self.changed_at = None;
        let key = |prefix: &Prefix| (prefix.address, prefix.length);
        let current = self.current.as_slice();
        let left = |network: &&Network| current.binary_search_by_key(*network, key).is_err();
        let left: Vec<Network> = self.known.keys().filter(left).copied().collect();
        for network in left {
            match self.map.remove(&Key::new(u32::from(network.1), network.0)) {
                Ok(()) => *written += 1,
                // Somebody else has tidied up.
                Err(MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::ENOENT) => {
                }
                Err(error) => return Err(error).context("writing VIEWS"),
            }
            self.known.remove(&network);
        }
        Ok(())
    }
}

/// The prefixes of both, with the current views on one side and the wanted ones on the other.
fn plan(current: &Prefixes, wanted: &Prefixes, side: u8) -> Plan {
    let view = |prefixes: &Prefixes, (address, length): Network| {
        prefixes.view_of_network(u128::from_be_bytes(address), length).unwrap_or(DEFAULT_VIEW)
    };
    let both = current.as_slice().iter().chain(wanted.as_slice());
    let networks = both.map(|prefix| (prefix.address, prefix.length));
    networks
        .map(|network| {
            let (now, next) = (view(current, network), view(wanted, network));
            let sides = if side == 0 { [now, next] } else { [next, now] };
            (network, PrefixViews { sides: sides.map(u32::to_be_bytes) })
        })
        .collect()
}

fn on_side(known: &Plan, side: u8) -> Prefixes {
    let prefix = |(&(address, length), views): (&Network, &PrefixViews)| Prefix {
        address,
        length,
        view: views.on(side),
    };
    Prefixes::new(known.iter().map(prefix).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prefixes of the first byte of an address: length in bits and view.
    fn prefixes(of: &[(u8, u8, u32)]) -> Prefixes {
        let prefix = |&(byte, length, view): &(u8, u8, u32)| {
            let mut address = [0; 16];
            address[0] = byte;
            Prefix { address, length, view }
        };
        Prefixes::new(of.iter().map(prefix).collect())
    }

    /// On both sides every client is told what the publication of that side says, whichever prefixes the other one has.
    #[test]
    fn no_prefix_shines_through() {
        let sets: [&[(u8, u8, u32)]; 6] = [
            &[],
            &[(0x80, 1, 1)],
            &[(0x80, 1, 2), (0xc0, 2, 1)],
            &[(0xc0, 2, 2), (0xc0, 4, 0), (0xc8, 5, 1)],
            &[(0x00, 0, 1)],
            &[(0x00, 0, 3), (0xff, 8, 1)],
        ];
        for (current, wanted) in sets.iter().flat_map(|one| sets.iter().map(move |other| (one, other))) {
            for side in [0, 1] {
                let (current, wanted) = (prefixes(current), prefixes(wanted));
                let plan = plan(&current, &wanted, side);
                for (side, said) in [(side, &current), (1 - side, &wanted)] {
                    let shown = on_side(&plan, side);
                    // Who starts in the midst of it finds the one that holds, and can tell what is left.
                    assert_eq!(&shown, said, "{plan:?}, side {side}");
                    for client in (0..=255_u128).map(|byte| byte << 120) {
                        let [shown, said] = [&shown, said]
                            .map(|prefixes| prefixes.view_of_network(client, 128).unwrap_or(DEFAULT_VIEW));
                        assert_eq!(shown, said, "{plan:?}, side {side}, client {client:x}");
                    }
                }
            }
        }
    }
}
