//! Images one after the other, each made of the one before and of what has changed since.

use std::{collections::BTreeSet, iter, sync::Arc};

use tgdns_common::tables::{LAYOUT, Settings};

use super::{basis::Basis, options, rate_limit, services, slot, stale, zone};
use crate::{
    cluster::{Cluster, Model},
    image::{Image, Slot, Zone, Zones},
    netlink::ServiceAddress,
    selection::{Chosen, Selection},
};

/// What was rendered last.
#[derive(Default)]
pub struct Renderer {
    basis: Option<Arc<Basis>>,
    /// By cluster; none of one that is not in the tables.
    clusters: Vec<Option<Rendered>>,
    index: Option<Index>,
    services: Option<Services>,
    rendered: u64,
}

struct Index {
    /// Where the clusters' sets begin, which it follows from.
    firsts: Vec<Option<usize>>,
    entries: Arc<[u32]>,
}

struct Services {
    addresses: BTreeSet<ServiceAddress>,
    table: services::Table,
}

impl Renderer {
    /// The tables that say what is selected. The basis is the model's, and has to be the same one for as long as the model is.
    pub fn image(&mut self, model: &Model, basis: &Arc<Basis>, selection: &Selection) -> Image {
        if self.basis.as_ref().is_none_or(|known| !Arc::ptr_eq(known, basis)) {
            self.basis = Some(Arc::clone(basis));
            self.clusters = iter::repeat_with(|| None).take(model.clusters.len()).collect();
            self.index = None;
        }
        for (index, (cluster, known)) in model.clusters.iter().zip(&mut self.clusters).enumerate() {
            let wanted = Wanted::of(cluster, index, selection);
            let is_same = known.as_ref().map(|known| &known.of) == wanted.as_ref();
            if !is_same {
                self.rendered += u64::from(wanted.is_some());
                *known = wanted.map(|wanted| Rendered::new(model, basis, index, cluster, wanted));
            }
        }
        let covered = rate_limit::covered(&model.listen, &selection.services);
        let services = self.services(&selection.services);
        let settings = Settings {
            stale_at: [0; 8],
            names: basis.places.copies,
            services: services.copies,
            has_views: u8::from(!basis.prefixes.is_empty()),
            layout: LAYOUT,
            options: options(model),
            when_stale: stale::view_byte(model.when_stale),
            limited: model.rate_limit.as_ref().map_or(0, |limit| rate_limit::bits(limit, covered)),
            reserved: [0; 3],
        };
        let of_cluster = |of: fn(&Rendered) -> &Vec<Arc<Slot>>| {
            self.clusters.iter().flatten().flat_map(of).map(Arc::clone)
        };
        Image {
            settings,
            services: services.entries,
            answers: of_cluster(|of| &of.fresh).chain(of_cluster(|of| &of.stale)).collect(),
            index: self.index(basis),
            prefixes: Arc::clone(&basis.prefixes),
            zones: Zones {
                names: Arc::clone(&basis.names),
                zones: self.clusters.iter().map(|of| of.as_ref().map(|of| Arc::clone(&of.zone))).collect(),
                secrets: None,
                identity: model.identity.clone(),
                version: model.version.clone(),
            },
            rate_limit: model.rate_limit.as_ref().map(|limit| rate_limit::rate_limit(limit, covered)),
            freshness: Default::default(),
            turns: Default::default(),
        }
    }

    /// How many clusters it has rendered so far, each as often as it has changed.
    pub fn rendered(&self) -> u64 {
        self.rendered
    }

    fn services(&mut self, addresses: &BTreeSet<ServiceAddress>) -> services::Table {
        match &self.services {
            Some(known) if known.addresses == *addresses => known.table.clone(),
            _ => {
                let table = services::table(addresses);
                self.services = Some(Services { addresses: addresses.clone(), table: table.clone() });
                table
            }
        }
    }

    fn index(&mut self, basis: &Basis) -> Arc<[u32]> {
        let mut count = 0;
        let mut first = |slots: &Vec<Arc<Slot>>| {
            let first = count;
            count += slots.len();
            (!slots.is_empty()).then_some(first)
        };
        let fresh = self.clusters.iter().map(|of| of.as_ref().and_then(|of| first(&of.fresh)));
        let mut firsts: Vec<Option<usize>> = fresh.collect();
        firsts.extend(self.clusters.iter().map(|of| of.as_ref().and_then(|of| first(&of.stale))));
        match &self.index {
            Some(known) if known.firsts == firsts => Arc::clone(&known.entries),
            _ => {
                let entries = basis.places.entries(&firsts);
                self.index = Some(Index { firsts, entries: Arc::clone(&entries) });
                entries
            }
        }
    }
}

/// What a cluster's part of an image follows from, under one configuration.
#[derive(PartialEq, Eq)]
struct Wanted {
    chosen: Arc<Chosen>,
    serial: u32,
    /// Of addresses, in seconds.
    ttl: u32,
}

impl Wanted {
    /// Nothing of a cluster that is to be left out.
    fn of(cluster: &Cluster, index: usize, selection: &Selection) -> Option<Self> {
        let serial = selection.serials.get(index).copied().flatten()?;
        let chosen = Arc::clone(selection.chosen.get(index)?);
        let ttl = selection.ttls.get(index).copied().unwrap_or(cluster.ttl);
        Some(Self { chosen, serial, ttl })
    }
}

/// One cluster's part of an image.
struct Rendered {
    of: Wanted,
    /// By view, as all that follows.
    fresh: Vec<Arc<Slot>>,
    /// What stands in their place when they are stale, where something does.
    stale: Vec<Arc<Slot>>,
    zone: Arc<Zone>,
}

impl Rendered {
    fn new(model: &Model, basis: &Basis, index: usize, cluster: &Cluster, of: Wanted) -> Self {
        let zone = Arc::new(zone::zone(model, &basis.names, index, cluster, of.serial));
        let (mut fresh, mut stale) = (Vec::new(), Vec::new());
        // The configuration admits no other names.
        if let Some(head) = slot::Head::of(cluster, of.serial) {
            for view in model.view_identifiers() {
                let set = slot::slot(&head, (view, of.ttl), cluster, &of.chosen, &basis.draws);
                let stale_set = stale::slot(&head, view, model.when_stale, cluster, &of.chosen, &basis.draws);
                stale.extend(stale_set.map(Arc::new));
                fresh.push(Arc::new(set));
            }
        }
        Self { of, fresh, stale, zone }
    }
}
