//! Whatever happens, in whatever order: what was kept of earlier publications is what would be made anew.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::*;
use crate::{
    admin::Said,
    config,
    health::{Report, ReportedWeight},
    image::Image,
    publish::Renderer,
};

const SEED: &str = "TGDNS_SEED";
const LIVES: usize = 12;
const STEPS: usize = 250;

/// All that may make a cluster's answers depend on something.
const CONFIG: &str = r#"
    xdp_mode = "off"
    [[view]]
    name = "lan"
    clients = ["192.168.0.0/16"]
    [[cluster]]
    name = "all.netz"
    min_up = 2
    probe = { type = "agent", port = 1, rise = 1, fall = 2 }
    part = [{ first = "10.0.0.1", count = 4, alias = { lan = "192.168.0.1" } }]
    [[cluster]]
    name = "sticky.netz"
    answer = "one"
    select = "sticky"
    probe = { type = "agent", port = 1, rise = 1, fall = 2 }
    part = [{ first = "10.0.1.1", count = 5 }]
    [[cluster]]
    name = "slow.netz"
    select = "weighted"
    slow_start = "20s"
    probe = { type = "agent", port = 1, rise = 1, fall = 2 }
    part = [{ first = "10.0.2.1", count = 3 }]
    [[cluster]]
    name = "hides.netz"
    all_down = "last"
    probe = { port = 1, rise = 1, fall = 2 }
    server = [
        { name = "shown", address = "10.0.3.1" },
        { name = "shown-too", address = "10.0.3.2" },
        { name = "hidden", address = "10.0.3.3", alias = { lan = "none" } },
    ]
    [[cluster]]
    name = "far.below.all.netz"
    ttl = 30
    ttl_min = 1
    probe = { port = 1, rise = 1, fall = 2 }
    part = [{ first = "10.0.4.1", count = 2 }]
"#;

struct Life {
    random: Rng,
    roster: Roster,
    /// What is to take its place, and hears of everything as well.
    prepared: Option<Roster>,
    renderer: Renderer,
    /// Of the zones in the tables, by name.
    serials: BTreeMap<String, u32>,
    start: Instant,
    /// Since then, in milliseconds.
    age: u64,
}

#[test]
fn what_is_kept_is_what_would_be_made_anew() {
    let seed = std::env::var(SEED).map_or_else(|_| Rng::new().get_seed(), |seed| seed.parse().unwrap());
    println!("{SEED}={seed}");
    let mut random = Rng::with_seed(seed);
    let (mut published, mut rendered) = (0, 0);
    for _ in 0..LIVES {
        let start = Instant::now();
        let roster = Roster::new(a_model(&mut random), Admins::default(), Some(BTreeSet::new()), start);
        let renderer = Renderer::default();
        let mut life = Life {
            random: random.fork(),
            roster,
            prepared: None,
            renderer,
            serials: BTreeMap::new(),
            start,
            age: 0,
        };
        published += (0..STEPS).filter(|_| life.step()).count();
        rendered += life.renderer.rendered();
    }
    println!("{published} publications, {rendered} clusters rendered");
    assert!(published > LIVES * STEPS / 8, "too little has happened: {published}");
    assert!(rendered < 4 * published as u64, "most of it is rendered each time: {rendered}");
}

/// Clusters in any order, some of them missing, and any policy for stale answers.
fn a_model(random: &mut Rng) -> Model {
    let mut model = config::parse(CONFIG, "F").unwrap();
    random.shuffle(&mut model.clusters);
    model.clusters.truncate(random.usize(3..=5));
    model.when_stale = random.choice([WhenStale::Hold, WhenStale::All, WhenStale::Servfail]).unwrap();
    if random.bool() {
        model.clusters[0].ttl += 1;
        model.clusters[1].servers.reverse();
    }
    model
}

impl Life {
    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.age)
    }

    /// Something happens, and what follows is compared. Tells whether that was published.
    fn step(&mut self) -> bool {
        for _ in 0..self.random.usize(1..3) {
            self.happen();
        }
        let (now, seconds) = (self.now(), 1000 + self.age / 1000);
        for roster in std::iter::once(&mut self.roster).chain(&mut self.prepared) {
            roster.tell_time(now, seconds);
            roster.tell_ttls(now, seconds);
        }
        if let Some(mut next) = self.prepared.take_if(|next| next.is_ready(now)) {
            next.take_place_of(&self.roster, now);
            self.roster = next;
            let names = self.roster.model().clusters.iter().map(|cluster| &cluster.name);
            let names: BTreeSet<&String> = names.collect();
            self.serials.retain(|name, _| names.contains(name));
        }
        let due = self.roster.due(now, seconds as u32);
        if let Some(selection) = &due {
            let image = self.renderer.image(self.roster.model(), self.roster.basis(), selection);
            let basis = Arc::new(Basis::new(self.roster.model()));
            let fresh = Renderer::default().image(self.roster.model(), &basis, selection);
            assert_same(&image, &fresh);
        }
        let in_force = due.as_ref().or(self.roster.published());
        for cluster in 0..self.roster.model().clusters.len() {
            // What depends on who was live last is chosen with what is due next.
            let waits = due.is_none() && self.roster.stirred.contains(&cluster);
            if let Some(selection) = in_force.filter(|selection| selection.has(cluster) && !waits) {
                let name = &self.roster.model().clusters[cluster].name;
                assert_eq!(*selection.chosen[cluster], self.roster.choose(cluster, now), "{name}");
            }
        }
        let Some(selection) = due else { return false };
        // A map may refuse it. Then something is due until it was published, even if that was so before.
        if self.random.u8(..) < 16 {
            self.roster.set_unpublished();
            assert!(!self.roster.is_ready(now) || self.roster.due(now, seconds as u32).is_some());
            return false;
        }
        self.follow_on(&selection);
        self.roster.set_published(selection);
        true
    }

    /// No name leaves the tables, and no serial goes back.
    fn follow_on(&mut self, selection: &Selection) {
        for (cluster, serial) in self.roster.model().clusters.iter().zip(&selection.serials) {
            let known = self.serials.get(&cluster.name);
            assert!(*serial >= known.copied(), "{}: {serial:?} after {known:?}", cluster.name);
            serial.map(|serial| self.serials.insert(cluster.name.clone(), serial));
        }
    }

    fn happen(&mut self) {
        let now = self.now();
        let cluster = self.random.usize(..self.roster.model().clusters.len());
        let server = self.random.usize(..self.roster.health(cluster).len());
        match self.random.u8(..20) {
            0..10 => {
                let report = match self.random.u8(..4) {
                    0 => Report {
                        weight: Some(ReportedWeight::Percent(self.random.u16(..3) * 50)),
                        ..Report::default()
                    },
                    1 => Report { state: Some(AdminState::Drain), ..Report::default() },
                    _ => Report { state: Some(AdminState::Ready), ..Report::default() },
                };
                let outcome = match self.random.u8(..3) {
                    0 => Outcome::failure("connection refused"),
                    _ => Outcome::Success { took: Duration::ZERO, report },
                };
                let target = self.roster.target(cluster, server).unwrap();
                self.roster.observe(cluster, server, 0, &outcome, now);
                if let Some(next) = &mut self.prepared
                    && let Some((cluster, server)) = next.place(target)
                {
                    next.observe(cluster, server, 0, &outcome, now);
                }
            }
            10..14 => self.age += self.random.u64(..3000),
            14..18 => {
                let name = self.roster.model().clusters[cluster].servers[server].name.clone();
                let state =
                    self.random.choice([AdminState::Ready, AdminState::Drain, AdminState::Maint]).unwrap();
                let second = 1000 + self.age / 1000;
                let until = self.random.bool().then(|| second + self.random.u64(1..5));
                let until = until.filter(|_| state != AdminState::Ready);
                let mut admins = self.roster.admins().clone();
                admins.set(&name, Said { state, reason: None, since: second, until });
                self.prepared.iter_mut().for_each(|next| next.set_admins(admins.clone()));
                self.roster.set_admins(admins);
            }
            18 => {
                let service = ServiceAddress {
                    interface: "eth0".to_owned(),
                    interface_index: 2,
                    mac: [2, 0, 0, 0, 0, 1],
                    vlan_tags: Vec::new(),
                    address: IpAddr::from([192, 0, 2, self.random.u8(..3)]),
                };
                let services = BTreeSet::from([service]);
                self.prepared.iter_mut().for_each(|next| next.set_services(services.clone()));
                self.roster.set_services(services);
            }
            _ => {
                self.prepared = Some(self.roster.successor(a_model(&mut self.random), now));
            }
        }
    }
}

fn assert_same(one: &Image, other: &Image) {
    assert_eq!(one.settings, other.settings);
    assert_eq!(one.services, other.services);
    assert_eq!(one.index, other.index);
    assert!(one.answers == other.answers, "other answers");
    assert!(one.zones.zones == other.zones.zones, "other zones");
    assert_eq!(one.prefixes, other.prefixes);
}
