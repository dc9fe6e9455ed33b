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
    tables::{Address, AnswerSet, Choice, DEFAULT_VIEW, Service, Settings, Tables, policy},
    zones::NameServers,
};

use crate::{cookie::Secrets, heartbeat::Freshness};

/// A client prefix and its view; an IPv4 prefix is mapped into IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    pub address: [u8; 16],
    /// In bits, 0 to 128.
    pub length: u8,
    pub view: u32,
}

/// Client prefixes, each once, and none that changes nothing: each has another view than its clients have without it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefixes {
    sorted: Vec<Prefix>,
    /// Where another view begins, or none, in the order of addresses: one search finds a client's.
    beginnings: Vec<(u128, u32)>,
    /// The lengths that there are, the longest first.
    lengths: Vec<u8>,
}

/// Addresses in a row, the last one included, IPv4 mapped into IPv6, and the view of their clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) first: u128,
    pub(crate) last: u128,
    pub(crate) view: u32,
}

impl Prefixes {
    pub fn new(mut prefixes: Vec<Prefix>) -> Self {
        prefixes.sort_unstable();
        remove_redundant(&mut prefixes);
        let beginnings = beginnings(&prefixes);
        let mut lengths: Vec<u8> = prefixes.iter().map(|prefix| prefix.length).collect();
        lengths.sort_unstable_by(|one, other| other.cmp(one));
        lengths.dedup();
        Self { sorted: prefixes, beginnings, lengths }
    }

    /// In the order of addresses and lengths.
    pub fn as_slice(&self) -> &[Prefix] {
        &self.sorted
    }

    /// The stretches of addresses whose clients have the same view, in order.
    pub(crate) fn regions(&self) -> impl Iterator<Item = Region> {
        let starts = || std::iter::once((0, DEFAULT_VIEW)).chain(self.beginnings.iter().copied());
        let ends = starts().skip(1).map(|(next, _)| next.checked_sub(1)).chain([Some(u128::MAX)]);
        // One that begins where everything does leaves nothing before it.
        starts().zip(ends).filter_map(|((first, view), last)| last.map(|last| Region { first, last, view }))
    }

    /// The view of the longest prefix that holds an address.
    fn view(&self, address: u128) -> u32 {
        let after = self.beginnings.partition_point(|(beginning, _)| *beginning <= address);
        let last = after.checked_sub(1).and_then(|last| self.beginnings.get(last));
        last.map_or(DEFAULT_VIEW, |(_, view)| *view)
    }

    /// The view that all clients of a network have, unless a longer prefix says otherwise; none where no prefix holds it.
    pub(crate) fn view_of_network(&self, address: u128, length: u8) -> Option<u32> {
        self.lengths.iter().filter(|shorter| **shorter <= length).find_map(|length| {
            let mask = u128::MAX.checked_shl(128 - u32::from(*length)).unwrap_or(0);
            let wanted = ((address & mask).to_be_bytes(), *length);
            let found = self.sorted.binary_search_by_key(&wanted, |prefix| (prefix.address, prefix.length));
            found.ok().and_then(|place| self.sorted.get(place)).map(|prefix| prefix.view)
        })
    }
}

/// Removes the prefixes whose clients have the same view without them. They are sorted, so that one within another follows it.
fn remove_redundant(sorted: &mut Vec<Prefix>) {
    // Those that hold the place reached, the innermost last, by their last addresses.
    let mut around: Vec<(u128, u32)> = Vec::new();
    sorted.retain(|prefix| {
        let (first, last) = ends(prefix);
        while around.pop_if(|(last, _)| *last < first).is_some() {}
        let is_kept = prefix.view != around.last().map_or(DEFAULT_VIEW, |(_, view)| *view);
        if is_kept {
            around.push((last, prefix.view));
        }
        is_kept
    });
}

/// The first address and the last one.
fn ends(prefix: &Prefix) -> (u128, u128) {
    let first = u128::from_be_bytes(prefix.address);
    (first, first | u128::MAX.checked_shr(prefix.length.into()).unwrap_or(0))
}

/// The prefixes are sorted, too.
fn beginnings(sorted: &[Prefix]) -> Vec<(u128, u32)> {
    let mut beginnings = Vec::new();
    // Those that hold the place reached, the innermost last, by their last addresses.
    let mut around: Vec<(u128, u32)> = Vec::new();
    let leave = |around: &mut Vec<(u128, u32)>, beginnings: &mut Vec<(u128, u32)>, until: Option<u128>| {
        while let Some((last, _)) =
            around.last().copied().filter(|(last, _)| until.is_none_or(|until| *last < until))
        {
            around.pop();
            let outer = around.last().map_or(DEFAULT_VIEW, |(_, view)| *view);
            beginnings.extend(last.checked_add(1).map(|next| (next, outer)));
        }
    };
    for prefix in sorted {
        let (first, last) = ends(prefix);
        leave(&mut around, &mut beginnings, Some(first));
        beginnings.push((first, prefix.view));
        around.push((last, prefix.view));
    }
    leave(&mut around, &mut beginnings, None);
    // Where one ends and the next begins, and where one begins with the one around it, the later word counts.
    beginnings.dedup_by(|later, earlier| {
        let is_same_place = later.0 == earlier.0;
        if is_same_place {
            earlier.1 = later.1;
        }
        is_same_place
    });
    beginnings
}

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
