//! What a name is answered with once the controller has not been heard of for too long, where that is not what it was before: it is
//! in the tables beside what is fresh, under a view of its own, so that the fast path needs no writer to change over.

use tgdns_common::{stale, tables::policy, wire::dns::ExtendedError};

use super::{
    draws::Draws,
    slot::{self, Head},
};
use crate::{
    cluster::{Cluster, WhenStale},
    image::Slot,
    selection::{Chosen, Rule},
};

/// Seconds that a stale address may be kept at most: it is as good as it was, and may be better in a moment.
pub(super) const TTL: u32 = 1;

/// The byte of `Settings::when_stale`.
pub(super) fn view_byte(when_stale: WhenStale) -> u8 {
    let view = match when_stale {
        WhenStale::Hold => 0,
        WhenStale::All | WhenStale::Servfail => stale::VIEW,
        WhenStale::Pass => stale::NO_VIEW,
    };
    (view >> 24) as u8
}

/// Answer sets of each name and view.
pub(super) fn sets(when_stale: WhenStale) -> usize {
    match when_stale {
        WhenStale::Hold | WhenStale::Pass => 1,
        WhenStale::All | WhenStale::Servfail => 2,
    }
}

/// What stands in for a view's answers when they are stale; nothing where they are held, or not told by the fast path.
pub(super) fn slot(
    head: &Head,
    view: u32,
    when_stale: WhenStale,
    cluster: &Cluster,
    chosen: &Chosen,
    draws: &Draws,
) -> Option<Slot> {
    let (chosen, code) = match when_stale {
        WhenStale::Hold | WhenStale::Pass => return None,
        WhenStale::All => (chosen.everyone(cluster, view), ExtendedError::STALE_ANSWER),
        WhenStale::Servfail => {
            (Chosen::new(Rule::Servfail, vec![0; cluster.servers.len()]), ExtendedError::NOT_READY)
        }
    };
    let mut slot = slot::slot(head, (view, cluster.ttl.min(TTL)), cluster, &chosen, draws);
    slot.set.view = (view | stale::VIEW).to_be_bytes();
    slot.set.policy |= policy::EXPLAINED | policy::STALE;
    slot.set.extended_error = code.to_be_bytes();
    Some(slot)
}

#[cfg(test)]
mod tests;
