//! The client prefixes of all views, as what they come to: where along the addresses which view begins.

use tgdns_common::tables::DEFAULT_VIEW;

/// A client prefix and its view; an IPv4 prefix is mapped into IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    pub address: [u8; 16],
    /// In bits, 0 to 128.
    pub length: u8,
    pub view: u32,
}

/// What client prefixes come to. They are equal where all clients are in the same views, whichever prefixes say so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefixes {
    /// Where another view begins, or none, in the order of addresses: one search finds a client's. Each differs from the one
    /// before it, and the first one from `DEFAULT_VIEW`.
    beginnings: Vec<Beginning>,
}

/// The first address of clients that are in a view, IPv4 mapped into IPv6.
pub(crate) type Beginning = (u128, u32);

/// Addresses in a row, the last one included, IPv4 mapped into IPv6, and the view of their clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) first: u128,
    pub(crate) last: u128,
    pub(crate) view: u32,
}

impl Prefixes {
    /// Of prefixes that are each there once, in any order.
    pub fn new(mut prefixes: Vec<Prefix>) -> Self {
        prefixes.sort_unstable();
        Self::from_beginnings(beginnings(&prefixes))
    }

    /// Of beginnings in the order of addresses, where later ones of the same address count.
    pub(crate) fn from_beginnings(all: impl IntoIterator<Item = Beginning>) -> Self {
        let mut beginnings: Vec<Beginning> = Vec::new();
        for (first, view) in all {
            beginnings.pop_if(|(before, _)| *before == first);
            if beginnings.last().map_or(DEFAULT_VIEW, |(_, before)| *before) != view {
                beginnings.push((first, view));
            }
        }
        Self { beginnings }
    }

    /// Whether no client is in a view.
    pub fn is_empty(&self) -> bool {
        self.beginnings.is_empty()
    }

    pub(crate) fn beginnings(&self) -> &[Beginning] {
        &self.beginnings
    }

    /// The same but for some addresses, the last one included, which are in the view of those before them.
    pub(crate) fn without(&self, first: u128, last: u128) -> Self {
        let before = self.beginnings.iter().copied().take_while(|(at, _)| *at < first);
        let behind = last.checked_add(1).map(|behind| (behind, self.view(behind)));
        let after = self.beginnings.iter().copied().skip_while(|(at, _)| *at <= last);
        Self::from_beginnings(before.chain(behind).chain(after))
    }

    /// The stretches of addresses whose clients have the same view, in order.
    pub(crate) fn regions(&self) -> impl Iterator<Item = Region> {
        let starts = || std::iter::once((0, DEFAULT_VIEW)).chain(self.beginnings.iter().copied());
        let ends = starts().skip(1).map(|(next, _)| next.checked_sub(1)).chain([Some(u128::MAX)]);
        // One that begins where everything does leaves nothing before it.
        starts().zip(ends).filter_map(|((first, view), last)| last.map(|last| Region { first, last, view }))
    }

    /// The view of the longest prefix that holds an address.
    pub(crate) fn view(&self, address: u128) -> u32 {
        let after = self.beginnings.partition_point(|(beginning, _)| *beginning <= address);
        let last = after.checked_sub(1).and_then(|last| self.beginnings.get(last));
        last.map_or(DEFAULT_VIEW, |(_, view)| *view)
    }
}

/// The first address and the last one.
fn ends(prefix: &Prefix) -> (u128, u128) {
    let first = u128::from_be_bytes(prefix.address);
    (first, first | u128::MAX.checked_shr(prefix.length.into()).unwrap_or(0))
}

/// The prefixes are sorted, so that one within another follows it. Where one ends and the next begins, and where one begins with
/// the one around it, the later word counts.
fn beginnings(sorted: &[Prefix]) -> Vec<Beginning> {
    let mut beginnings = Vec::with_capacity(2 * sorted.len());
    // Those that hold the place reached, the innermost last, by their last addresses.
    let mut around: Vec<(u128, u32)> = Vec::new();
    let leave = |around: &mut Vec<(u128, u32)>, beginnings: &mut Vec<Beginning>, until: Option<u128>| {
        while let Some((last, _)) = around.pop_if(|(last, _)| until.is_none_or(|until| *last < until)) {
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
    beginnings
}
