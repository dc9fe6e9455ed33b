//! What the last run knew of the servers: pure.
//!
//! The maps tell for certain who was handed out until now, for the fast path has gone on since. Why others were not they
//! do not tell; that is in the file of the servers' health, which may be older. Where there are no maps it tells
//! everything, for as long as it is fresh.

use std::{collections::HashSet, net::IpAddr};

use tgdns_common::tables::policy;

use crate::{
    cluster::{Cluster, Model, Server},
    health::Health,
    image::{self, Image},
};
use file::Memory;

pub mod file;

/// What a cluster's servers are taken for until they have been probed; `now` in milliseconds since 1970.
pub fn verdicts(model: &Model, cluster: &Cluster, maps: &Image, file: &Memory, now: u64) -> Vec<Health> {
    let said = |server: &Server| {
        let known = file.server(&cluster.name, &server.name, server.address);
        known.map_or(Health::Unknown, |known| known.health.into())
    };
    if !maps.has_name(&cluster.name) {
        let is_fresh = file.is_fresh(now);
        let verdict = |server| if is_fresh { said(server) } else { Health::Unknown };
        return cluster.servers.iter().map(verdict).collect();
    }
    // Where servers are handed out because none is up, the maps say so; they may say it of some views only.
    let live = maps.sets_of(&cluster.name).filter(|set| set.policy & policy::WITHOUT_LIVE == 0);
    let addresses: HashSet<IpAddr> = live.flat_map(image::addresses).collect();
    let is_told = |server: &Server| {
        let mut reached_by = model.view_identifiers().flat_map(|view| server.handed_out(view));
        reached_by.any(|address| addresses.contains(address))
    };
    let any_up = cluster.servers.iter().any(|server| is_told(server) && said(server) != Health::Down);
    let verdict = |server: &Server| match (is_told(server), said(server)) {
        (true, _) if any_up => Health::Up,
        // It may have gone down since.
        (false, Health::Up) => Health::Unknown,
        (_, said) => said,
    };
    cluster.servers.iter().map(verdict).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{config, publish, selection::Chosen};

    const CONFIG: &str = r#"
        xdp_mode = "off"
        [[view]]
        name = "lan"
        clients = ["192.168.0.0/16"]
        [[cluster]]
        name = "internet.intern.netz"
        probe.port = 443
        part = [{ first = "10.10.10.100", count = 3, alias = { lan = "192.168.1.100" } }]
    "#;
    const SAVED: u64 = 1_000_000;

    fn letters(verdicts: &[Health]) -> String {
        let letter = |health: &Health| match health {
            Health::Up => 'u',
            Health::Down => 'd',
            Health::Unknown => '?',
        };
        verdicts.iter().map(letter).collect()
    }

    /// Who is in the maps (`+`, or nothing where there are none), what the file says -> what they are taken for.
    #[test]
    fn maps_and_file_together() {
        let model = config::parse(CONFIG, "F").unwrap();
        let cluster = &model.clusters[0];
        for (maps, file, age, expected) in [
            // Whatever the file says, who is told is up, and who is not is not.
            ("++-", "???", 0, "uu?"),
            ("++-", "uud", 0, "uud"),
            ("++-", "duu", 0, "uu?"),
            ("+--", "???", u64::MAX, "u??"),
            ("---", "uuu", 0, "???"),
            // Nobody is up, so all are told.
            ("+++", "ddd", 0, "ddd"),
            ("+++", "ddu", 0, "uuu"),
            ("++-", "ddd", 0, "ddd"),
            // Without maps.
            ("", "ud?", 0, "ud?"),
            ("", "ud?", file::FRESH, "ud?"),
            ("", "ud?", file::FRESH + 1, "???"),
            ("", "???", 0, "???"),
        ] {
            let weights = maps.bytes().map(|told| u32::from(told == b'+')).collect();
            let chosen = Chosen { weights, ..Chosen::default() };
            let image = match maps {
                "" => Image::default(),
                _ => {
                    publish::image(&model, &publish::prefixes(&model), &[chosen], &BTreeSet::new(), &[], &[])
                }
            };
            let health = file.chars().map(|letter| match letter {
                'u' => file::Verdict::Up,
                'd' => file::Verdict::Down,
                _ => file::Verdict::Unknown,
            });
            let memory = Memory::with(SAVED, cluster, health);
            let found = verdicts(&model, cluster, &image, &memory, SAVED.saturating_add(age));
            assert_eq!(letters(&found), expected, "{maps} {file} {age}");
        }
    }

    #[test]
    fn a_server_with_another_address_is_unknown() {
        let model = config::parse(CONFIG, "F").unwrap();
        let memory = Memory::with(SAVED, &model.clusters[0], [file::Verdict::Up; 3].into_iter());
        let moved = config::parse(&CONFIG.replace("10.10.10.100", "10.10.10.101"), "F").unwrap();
        let found = verdicts(&moved, &moved.clusters[0], &Image::default(), &memory, SAVED);
        assert_eq!(letters(&found), "???");
    }
}
