//! What is handed out of all clusters at once.

use std::{collections::BTreeSet, sync::Arc};

use super::Chosen;
use crate::netlink::ServiceAddress;

/// What one publication hands out, and on which addresses of this host the fast path answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// By cluster, as in the model; nobody of a cluster that is not in the tables yet.
    pub chosen: Vec<Arc<Chosen>>,
    pub services: BTreeSet<ServiceAddress>,
    /// Of the clusters' zones: each grows with every change of what its cluster hands out. None of a cluster that is not in
    /// the tables yet.
    pub serials: Vec<Option<u32>>,
    /// Of the clusters' addresses, in seconds.
    pub ttls: Vec<u32>,
}

impl Selection {
    pub fn includes(&self, cluster: usize, server: usize) -> bool {
        self.chosen.get(cluster).is_some_and(|chosen| chosen.includes(server))
    }

    /// Whether a cluster is in the tables.
    pub fn has(&self, cluster: usize) -> bool {
        self.serials.get(cluster).is_some_and(Option::is_some)
    }

    /// The clusters of which something was chosen since another publication of the same model, be it the same.
    pub fn changed_since<'s>(&'s self, before: Option<&'s Self>) -> impl Iterator<Item = usize> + 's {
        let is_same = move |(cluster, chosen): (usize, &Arc<Chosen>)| {
            let known = before.and_then(|before| before.chosen.get(cluster));
            known.is_some_and(|known| Arc::ptr_eq(known, chosen))
        };
        let clusters = self.chosen.iter().enumerate();
        clusters.filter(move |of| !is_same(*of)).map(|(cluster, _)| cluster)
    }

    /// Whether all clusters are.
    pub fn is_complete(&self) -> bool {
        self.serials.iter().all(Option::is_some)
    }

    /// What follows on `before`. A new serial is the time, which grows over restarts, or one more than the last.
    pub(crate) fn following(
        before: Option<&Self>,
        chosen: Vec<Option<Arc<Chosen>>>,
        services: BTreeSet<ServiceAddress>,
        ttls: Vec<u32>,
        unix_seconds: u32,
    ) -> Self {
        let serial = |(cluster, chosen): (usize, &Option<Arc<Chosen>>)| {
            let chosen = chosen.as_ref()?;
            let last = before.and_then(|before| before.serials.get(cluster).copied().flatten());
            let known = before.and_then(|before| before.chosen.get(cluster));
            let is_same = known.is_some_and(|known| Arc::ptr_eq(known, chosen) || known.is_alike(chosen));
            Some(last.map_or(unix_seconds, |last| {
                if is_same { last } else { unix_seconds.max(last.wrapping_add(1)) }
            }))
        };
        let serials = chosen.iter().enumerate().map(serial).collect();
        let nobody = Arc::default();
        let chosen = chosen.into_iter().map(|chosen| chosen.unwrap_or_else(|| Arc::clone(&nobody))).collect();
        Self { chosen, services, serials, ttls }
    }
}
