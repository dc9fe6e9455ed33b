//! What the last run knew of the servers: pure.
//!
//! The maps tell for certain who was handed out until now, for the fast path has gone on since. Why others were not they
//! do not tell; that is in the file of the servers' health, which may be older. Where there are no maps it tells
//! everything, for as long as it is fresh.

use std::{collections::HashSet, net::IpAddr, time::Duration};

use tgdns_common::tables::policy;

use crate::{
    admin::Admins,
    cluster::{Cluster, Model, Server},
    health::{Health, Report},
    image::{self, Image},
};
use file::Memory;

pub mod file;

/// Why what a server said of itself counts no more.
pub const PROBED_OTHERWISE: &str = "it is probed otherwise, and had taken itself out";
pub const WORK_ENDED: &str = "maintenance has ended";
const TAKEN_BACK: &str = "the last run handed it out again";

/// Where it is read from, and when.
#[derive(Clone, Copy, Debug)]
pub struct LastRun<'r> {
    pub maps: &'r Image,
    pub file: &'r Memory,
    /// What people have said of the servers until now.
    pub admins: &'r Admins,
    /// Milliseconds since 1970.
    pub now: u64,
}

/// What a server is taken for until it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recalled {
    pub health: Health,
    /// What it said of itself, by the index of its probe.
    pub reports: Vec<(usize, Report)>,
    /// Why some of that counts no more.
    pub forgotten: Option<&'static str>,
}

impl Recalled {
    /// It proves itself first.
    const UNKNOWN: Self = Self { health: Health::Unknown, reports: Vec::new(), forgotten: None };

    fn is_withdrawn(&self) -> bool {
        self.reports.iter().any(|(_, report)| report.withdraws())
    }
}

impl LastRun<'_> {
    /// What a cluster's servers are taken for, in the model's order.
    pub fn servers(&self, model: &Model, cluster: &Cluster) -> Vec<Recalled> {
        let is_fresh = self.file.is_fresh(self.now);
        let said: Vec<Recalled> = cluster.servers.iter().map(|server| self.said(cluster, server)).collect();
        if !self.maps.has_name(&cluster.name) {
            let aged = |said: Recalled| match is_fresh {
                true => said,
                false => Recalled { health: Health::Unknown, ..said },
            };
            return said.into_iter().map(aged).collect();
        }
        let told = self.told(model, cluster);
        let recall = |(told, said): (bool, Recalled)| match (told, said.health) {
            // It has taken that back since.
            (true, _) if said.is_withdrawn() => {
                Recalled { health: Health::Up, reports: Vec::new(), forgotten: Some(TAKEN_BACK) }
            }
            (true, _) => Recalled { health: Health::Up, ..said },
            (false, Health::Up) if is_fresh && said.is_withdrawn() => said,
            // It may have gone down since.
            (false, Health::Up) => Recalled { health: Health::Unknown, ..said },
            _ => said,
        };
        told.into_iter().zip(said).map(recall).collect()
    }

    /// By the file alone.
    fn said(&self, cluster: &Cluster, server: &Server) -> Recalled {
        let Some(known) = self.file.server(&cluster.name, &server.name, server.address) else {
            return Recalled::UNKNOWN;
        };
        // It was worked on since, whether a controller ran or not.
        let seconds = Duration::from_millis(self.now).as_secs();
        let work_ended = self.admins.work_ended(&server.name, seconds);
        if work_ended.is_some_and(|ended| !self.file.is_after(ended)) {
            return Recalled { forgotten: Some(WORK_ENDED), ..Recalled::UNKNOWN };
        }
        let recalled = Recalled {
            health: known.health.into(),
            reports: known.reports(server),
            forgotten: known.has_lost_probe(server).then_some(PROBED_OTHERWISE),
        };
        // It had taken itself out by a probe that is no more: it has to say anew.
        if known.was_withdrawn() && !recalled.is_withdrawn() {
            return Recalled { health: Health::Unknown, ..recalled };
        }
        recalled
    }

    /// Who is handed out by the maps as being live, by server. Where that is because none is up, the maps say so; they may
    /// say it of some views only.
    fn told(&self, model: &Model, cluster: &Cluster) -> Vec<bool> {
        let live = self.maps.sets_of(&cluster.name).filter(|set| set.policy & policy::EXPLAINED == 0);
        let addresses: HashSet<IpAddr> = live.flat_map(image::addresses).collect();
        let is_told = |server: &Server| {
            let mut reached_by = model.view_identifiers().flat_map(|view| server.handed_out(view));
            reached_by.any(|address| addresses.contains(address))
        };
        cluster.servers.iter().map(is_told).collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        admin::{AdminState, Said},
        config, publish,
        selection::{Chosen, Rule},
    };

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

    /// What a configuration's first cluster is taken for.
    fn recall(model: &Model, maps: &Image, file: &Memory, admins: &Admins, now: u64) -> String {
        let letter = |recalled: Recalled| match recalled.health {
            Health::Up => 'u',
            Health::Down => 'd',
            Health::Unknown => '?',
        };
        let last_run = LastRun { maps, file, admins, now };
        last_run.servers(model, &model.clusters[0]).into_iter().map(letter).collect()
    }

    /// Maps that hand out those with `+`, those with `*` as none is up, or none.
    fn maps(model: &Model, told: &str) -> Image {
        let weights = told.bytes().map(|told| u32::from(told != b'-')).collect();
        let rule = if told.contains('*') { Rule::All } else { Rule::Live };
        let chosen = Chosen { rule, weights, ..Chosen::default() };
        match told {
            "" => Image::default(),
            _ => publish::image(model, &publish::prefixes(model), &[chosen], &BTreeSet::new(), &[], &[]),
        }
    }

    /// A file that was saved at [`SAVED`].
    fn file(model: &Model, health: &str) -> Memory {
        let health = health.chars().map(|letter| match letter {
            'u' => file::Verdict::Up,
            'd' => file::Verdict::Down,
            _ => file::Verdict::Unknown,
        });
        Memory::with(SAVED, &model.clusters[0], health)
    }

    /// Who is in the maps (`+`, or nothing where there are none), what the file says -> what they are taken for.
    #[test]
    fn maps_and_file_together() {
        let model = config::parse(CONFIG, "F").unwrap();
        for (told, said, age, expected) in [
            // Whatever the file says, who is told is up, and who is not is not.
            ("++-", "???", 0, "uu?"),
            ("++-", "uud", 0, "uud"),
            ("++-", "duu", 0, "uu?"),
            ("+--", "???", u64::MAX, "u??"),
            ("---", "uuu", 0, "???"),
            // They came back after the file was saved.
            ("+++", "ddd", 0, "uuu"),
            ("++-", "ddd", 0, "uud"),
            // Nobody is up, so all are told.
            ("***", "ddd", 0, "ddd"),
            ("***", "dd?", 0, "dd?"),
            // Without maps.
            ("", "ud?", 0, "ud?"),
            ("", "ud?", file::FRESH, "ud?"),
            ("", "ud?", file::FRESH + 1, "???"),
            ("", "???", 0, "???"),
        ] {
            let (maps, file) = (maps(&model, told), file(&model, said));
            let found = recall(&model, &maps, &file, &Admins::default(), SAVED.saturating_add(age));
            assert_eq!(found, expected, "{told} {said} {age}");
        }
    }

    #[test]
    fn a_server_with_another_address_is_unknown() {
        let model = config::parse(CONFIG, "F").unwrap();
        let file = file(&model, "uuu");
        let moved = config::parse(&CONFIG.replace("10.10.10.100", "10.10.10.101"), "F").unwrap();
        assert_eq!(recall(&moved, &Image::default(), &file, &Admins::default(), SAVED), "???");
    }

    /// Whether the controller ran then or not; those whom the maps hand out have proven themselves since.
    #[test]
    fn who_was_worked_on_since_is_unknown() {
        let model = config::parse(CONFIG, "F").unwrap();
        let saved = SAVED / 1000;
        for (told, state, until, expected) in [
            ("", AdminState::Maint, Some(saved + 1), "?ud"),
            ("", AdminState::Maint, Some(saved), "?ud"),
            ("", AdminState::Maint, Some(saved - 1), "uud"),
            ("", AdminState::Drain, Some(saved + 1), "uud"),
            // It holds still: its end will be seen.
            ("", AdminState::Maint, Some(saved + 100), "uud"),
            ("", AdminState::Maint, None, "uud"),
            ("-+-", AdminState::Maint, Some(saved + 1), "?ud"),
            ("++-", AdminState::Maint, Some(saved + 1), "uud"),
        ] {
            let mut admins = Admins::default();
            let name = &model.clusters[0].servers[0].name;
            admins.set(name, Said { state, reason: None, since: saved - 10, until });
            let (maps, file) = (maps(&model, told), file(&model, "uud"));
            let found = recall(&model, &maps, &file, &admins, SAVED + 5_000);
            assert_eq!(found, expected, "{told} {state} {until:?}");
        }
    }
}
