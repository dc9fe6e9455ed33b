//! From the model and its live servers to the tables: pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tgdns_common::{
    name,
    tables::{self, capacity, options},
};

use crate::{
    cluster::Model,
    image::{Image, Prefixes},
    netlink::ServiceAddress,
    selection::{Chosen, Selection},
};

mod basis;
mod buckets;
mod columns;
mod draws;
pub mod family;
mod index;
mod prefix;
mod rate_limit;
mod renderer;
mod rows;
mod services;
mod slot;
mod soa;
mod stale;
mod zone;

pub use basis::Basis;
pub(crate) use buckets::shares as bucket_shares;
pub(crate) use draws::Draws;
pub use prefix::prefixes;
pub use renderer::Renderer;
pub(crate) use soa::serial as serial_of;

/// Two to the power of this are the entries of a copy of `INDEX`.
const INDEX_BITS: u8 = capacity::INDEX.ilog2() as u8;

/// The tables that say what is to be answered now, made at one go; [`Renderer`] makes one after the other. All are by cluster: who is
/// `chosen`; the `serials` of the zones, none for a cluster that is to be left out; and `ttls`, the seconds that addresses may be
/// kept where that is not as configured. The [`prefixes`] are the model's.
pub fn image(
    model: &Model,
    prefixes: &Arc<Prefixes>,
    chosen: &[Chosen],
    services: &BTreeSet<ServiceAddress>,
    serials: &[Option<u32>],
    ttls: &[u32],
) -> Image {
    let chosen: Vec<Arc<Chosen>> = chosen.iter().cloned().map(Arc::new).collect();
    let serials = (0..chosen.len()).map(|cluster| serials.get(cluster).copied().unwrap_or(Some(1))).collect();
    let selection = Selection { chosen, services: services.clone(), serials, ttls: ttls.to_vec() };
    let basis = Basis::with_prefixes(model, Arc::clone(prefixes));
    Renderer::default().image(model, &Arc::new(basis), &selection)
}

/// What only the sockets tell is left to them where there are some.
fn options(model: &Model) -> u8 {
    let nsid = if model.identity.is_empty() { 0 } else { options::NSID };
    let cookie = if model.cookie_secret.is_none() { 0 } else { options::COOKIE };
    if model.listen.is_empty() { 0 } else { nsid | cookie }
}

/// Why a model does not fit into the tables; nothing where it does.
pub fn excess(model: &Model) -> Option<String> {
    let (clusters, views) = (model.clusters.len(), model.view_identifiers().count());
    // While they are replaced there are both.
    let most = (capacity::ANSWERS - 1) / 2 / stale::sets(model.when_stale);
    let prefixes: usize = model.views.iter().map(|view| view.clients.len()).sum();
    if clusters * views > most {
        let remedy = match stale::sets(model.when_stale) {
            1 => "use fewer clusters or views",
            _ => "use fewer clusters or views, or `when_stale = \"hold\"`, which takes half of the room",
        };
        Some(format!(
            "{clusters} clusters seen through {views} views are {} answer sets, and the maps hold {most}: {remedy}",
            clusters * views
        ))
    } else if prefixes > capacity::PREFIXES {
        Some(format!(
            "the views have {prefixes} client prefixes, and the map holds {}: aggregate them",
            capacity::PREFIXES
        ))
    } else {
        alike(model).map(|clusters| {
            format!(
                "the names of the clusters {} have the same sum, and the map has places for two such names: rename one",
                clusters.join(", ")
            )
        })
    }
}

/// More than two names that only their comparison tells apart, if there are any.
fn alike(model: &Model) -> Option<Vec<&str>> {
    let mut by_sum: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for cluster in &model.clusters {
        if let Some((wire, _)) = name::to_wire(&cluster.name) {
            by_sum.entry(name_sum(&wire)).or_default().push(&cluster.name);
        }
    }
    by_sum.into_values().find(|names| names.len() > 2)
}

fn name_sum(wire: &[u8; name::MAX_LENGTH]) -> u64 {
    tables::name_sum(&name::words(wire), name::length(wire))
}

#[cfg(test)]
mod tests;
