//! The tables as the host holds them: what the slow path reads, and what the fast path's maps are made to say.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tgdns_common::{
    counter::Counter,
    name,
    rate::{RateLimit, Verdict},
    stale,
    tables::{Address, AnswerSet, Choice, Service, Settings, Tables, policy},
    zones::NameServers,
};

use crate::{cookie::Secrets, heartbeat::Freshness};
pub use prefixes::{Prefix, Prefixes};

mod prefixes;
pub(crate) mod trie;

/// What the slow path alone knows of the zones.
#[derive(Debug, Default)]
pub struct Zones {
    pub(crate) names: Arc<Names>,
    /// By cluster; none of one that is not in the tables.
    pub(crate) zones: Vec<Option<Arc<Zone>>>,
    /// Of the cookies that are given.
    pub(crate) secrets: Option<Arc<Secrets>>,
    pub(crate) identity: String,
    pub(crate) version: String,
}

/// Which cluster's zone has a name, in wire form and lower case.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) apexes: HashMap<Vec<u8>, usize>,
    /// Those below them that exist.
    pub(crate) below: HashMap<Vec<u8>, usize>,
    /// By cluster, the labels before the zone's name of names that exist only because others exist below them.
    pub(crate) empty: Vec<Vec<String>>,
}

/// One zone, by view.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Zone(pub(crate) BTreeMap<u32, ZoneInView>);

/// What a zone is to the clients of a view.
#[derive(Debug, PartialEq)]
pub(crate) struct ZoneInView {
    pub(crate) name_servers: NameServerRecords,
    /// The sets of names below the apex, by the name.
    pub(crate) below: HashMap<Vec<u8>, AnswerSet>,
}

/// The records of a zone's name servers in wire form, for a message that asks for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameServerRecords {
    pub(crate) records: Vec<u8>,
    pub(crate) record_count: u16,
    pub(crate) glue: Vec<u8>,
    pub(crate) glue_count: u16,
}

impl Zones {
    pub(crate) fn name_servers(&self, apex: &AnswerSet) -> NameServers<'_> {
        let wire: &[u8; name::MAX_LENGTH] = bytemuck::cast_ref(&apex.name);
        // Name servers are who they are, stale or not.
        let view = u32::from_be_bytes(apex.view) & !stale::NO_VIEW;
        let cluster = wire.get(..name::length(wire)).and_then(|name| self.names.apexes.get(name));
        let found = cluster.and_then(|cluster| self.zone(*cluster, view)).map(|zone| &zone.name_servers);
        found.map_or_else(NameServers::default, |found| NameServers {
            records: &found.records,
            record_count: found.record_count,
            glue: &found.glue,
            glue_count: found.glue_count,
        })
    }

    /// What a name below an apex is answered with.
    pub(crate) fn below(&self, name: &[u8], view: u32) -> Option<&AnswerSet> {
        self.zone(*self.names.below.get(name)?, view)?.below.get(name)
    }

    fn zone(&self, cluster: usize, view: u32) -> Option<&ZoneInView> {
        self.zones.get(cluster)?.as_ref()?.0.get(&view)
    }
}

/// What one slot of the tables holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    pub set: AnswerSet,
    /// Where the set's policy needs one.
    pub choice: Option<Box<Choice>>,
}

/// One half of each table; the half in use is always the first one.
#[derive(Debug, Default)]
pub struct Image {
    pub(crate) settings: Settings,
    pub(crate) services: Arc<[Service]>,
    /// For each place of the index, one more than the place in `answers`, or 0.
    pub(crate) index: Arc<[u32]>,
    /// Images that say the same share it.
    pub(crate) answers: Vec<Arc<Slot>>,
    pub(crate) prefixes: Arc<Prefixes>,
    pub(crate) zones: Zones,
    /// Where responses over UDP are limited.
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) freshness: Freshness,
    pub(crate) turns: AtomicU64,
}

impl Image {
    /// With the secret of the cookies that the slow path gives.
    pub fn with_secrets(mut self, secrets: Option<Arc<Secrets>>) -> Self {
        self.zones.secrets = secrets;
        self
    }

    /// Says until when what it says is fresh.
    pub fn with_freshness(mut self, freshness: Freshness) -> Self {
        self.freshness = freshness;
        self
    }

    /// All answer sets that are not for stale answers, in the order of clusters and views.
    pub fn answer_sets(&self) -> impl Iterator<Item = &AnswerSet> {
        self.answers.iter().map(|slot| &slot.set).filter(|set| set.policy & policy::STALE == 0)
    }

    /// Whether the fast path passes all queries when it is stale.
    pub(crate) fn passes_when_stale(&self) -> bool {
        u32::from(self.settings.when_stale) << 24 == stale::NO_VIEW
    }

    fn slot_of(&self, slot: u32) -> Option<&Slot> {
        (slot as usize).checked_sub(1).and_then(|index| self.answers.get(index)).map(Arc::as_ref)
    }

    /// Whether there is an answer for a name, in presentation format and lower case.
    pub fn has_name(&self, name: &str) -> bool {
        self.sets_of(name).next().is_some()
    }

    /// All addresses that a name is answered with, in whichever view.
    pub fn addresses_of(&self, name: &str) -> impl Iterator<Item = IpAddr> {
        self.sets_of(name).flat_map(addresses)
    }

    /// The answer sets of a name, in presentation format and lower case.
    pub(crate) fn sets_of(&self, name: &str) -> impl Iterator<Item = &AnswerSet> {
        let wire = name::to_wire(name).map(|(wire, _)| wire);
        self.answer_sets().filter(move |set| Some(bytemuck::cast(set.name)) == wire)
    }

    /// The service addresses, in no particular order.
    pub fn service_addresses(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(|service| service.family != 0)
    }
}

/// All that are in a set, some of them more than once.
pub(crate) fn addresses(set: &AnswerSet) -> impl Iterator<Item = IpAddr> {
    let ipv4 = set.ipv4.addresses.iter().map(|bytes| IpAddr::from(*bytes));
    let ipv6 = set.ipv6.addresses.iter().map(|bytes| IpAddr::from(*bytes));
    // Places that are not in use are zeros.
    ipv4.chain(ipv6).filter(|address| !address.is_unspecified())
}

impl Tables for Image {
    fn settings(&self) -> Option<&Settings> {
        Some(&self.settings)
    }

    fn service(&self, position: u32) -> Option<&Service> {
        self.services.get(position as usize)
    }

    fn slot(&self, position: u32) -> u32 {
        self.index.get(position as usize).copied().unwrap_or(0)
    }

    fn answer_set(&self, slot: u32) -> Option<&AnswerSet> {
        self.slot_of(slot).map(|slot| &slot.set)
    }

    fn choice(&self, slot: u32) -> Option<&Choice> {
        self.slot_of(slot).and_then(|slot| slot.choice.as_deref())
    }

    /// What is here is of one publication.
    fn view(&self, client: Address, _side: u8) -> u32 {
        let address = u128::from_be_bytes(client.to_bytes());
        self.prefixes.view(address)
    }

    fn stale_mask(&self, _settings: &Settings) -> u32 {
        if self.freshness.is_over() { u32::MAX } else { 0 }
    }

    /// The sockets limit before they ask.
    fn judge_rate(&self, _client: Address) -> Verdict {
        Verdict::Answer
    }

    fn count(&self, _counter: Counter) -> u64 {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    /// Turns need not be told anew.
    fn uncount(&self, _counter: Counter) {}
}
