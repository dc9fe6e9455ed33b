//! Where the clients of each view are.

use std::{collections::HashMap, sync::Arc};

use crate::image::Prefixes;

/// IPv4 within IPv6.
const IPV4: (u128, u128) = (0xffff_0000_0000, 0xffff_ffff_ffff);
/// Without the address of nobody.
const IPV6: (u128, u128) = (1, u128::MAX);
/// So many of a view's networks are kept, as clients of some get no answer whatever they ask.
const KEPT: usize = 16;

/// Some networks of each view and family, by their first and last addresses.
#[derive(Debug, Default)]
pub(super) struct Networks {
    prefixes: Option<Arc<Prefixes>>,
    by_view: HashMap<(u32, bool), Vec<(u128, u128)>>,
}

impl Networks {
    /// Takes them from those prefixes. They are made once for each configuration, so that this is mostly nothing to do.
    pub(super) fn follow(&mut self, prefixes: &Arc<Prefixes>) {
        if self.prefixes.as_ref().is_some_and(|known| Arc::ptr_eq(known, prefixes)) {
            return;
        }
        self.prefixes = Some(Arc::clone(prefixes));
        self.by_view.clear();
        for region in prefixes.regions() {
            for (is_ipv4, (first, last)) in [(true, IPV4), (false, IPV6)] {
                let network = (region.first.max(first), region.last.min(last));
                let kept = self.by_view.entry((region.view, is_ipv4)).or_default();
                if network.0 <= network.1 && kept.len() < KEPT {
                    kept.push(network);
                }
            }
        }
    }

    pub(super) fn of(&self, view: u32, is_ipv4: bool) -> &[(u128, u128)] {
        self.by_view.get(&(view, is_ipv4)).map_or(&[], Vec::as_slice)
    }
}
