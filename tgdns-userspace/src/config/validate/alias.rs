//! Aliases: what a server is handed out as, in each view.

use std::net::IpAddr;

use toml::Spanned;

use super::{row, view::ViewNames};
use crate::{
    cluster::Alias,
    config::{
        file::{self, Addresses, Given, Row},
        leaf::Address,
        mistakes::{Mistakes, Span},
    },
};

/// The aliases of one server, each with its place in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Aliases {
    pub(super) everywhere: Option<(Span, Alias)>,
    /// By view identifier (1 and up).
    pub(super) views: Vec<(u32, Span, Alias)>,
}

impl Aliases {
    /// Takes what is said of one server beside what was counted: views that it does not name stay as they were.
    pub(super) fn override_with(&mut self, own: Self) {
        if own.everywhere.is_some() {
            self.everywhere = own.everywhere;
        }
        self.views.retain(|(view, ..)| !own.views.iter().any(|(of, ..)| of == view));
        self.views.extend(own.views);
    }
}

/// The aliases of a single server, or of an overridden one.
pub(super) fn single(
    given: Given<file::Alias<Address>>,
    views: &ViewNames,
    mistakes: &mut Mistakes<'_>,
) -> Option<Aliases> {
    let given = given?;
    let one = |address: &Address, _: &Span, _: &mut Mistakes<'_>| vec![Some(address.0)];
    resolve(given, 1, one, views, mistakes).pop()
}

/// The aliases at a part's places, counted from their bases or listed. `is_hole` tells the places without a server; none
/// where that is not known.
pub(super) fn counted(
    given: Given<file::Alias<Row>>,
    count: u32,
    is_hole: Option<&[bool]>,
    views: &ViewNames,
    mistakes: &mut Mistakes<'_>,
) -> Vec<Aliases> {
    let places = usize::try_from(count).unwrap_or_default();
    let Some(given) = given else { return vec![Aliases::default(); places] };
    let expand =
        |row: &Row, at: &Span, mistakes: &mut Mistakes<'_>| row::aliases(row, at, count, is_hole, mistakes);
    resolve(given, places, expand, views, mistakes)
}

/// One `Aliases` for each server; `expand` gives one address or none for each server.
fn resolve<A>(
    given: Spanned<file::Alias<A>>,
    servers: usize,
    expand: impl Fn(&A, &Span, &mut Mistakes<'_>) -> Vec<Option<IpAddr>>,
    views: &ViewNames,
    mistakes: &mut Mistakes<'_>,
) -> Vec<Aliases> {
    let mut resolved = vec![Aliases::default(); servers];
    let at = given.span();
    match given.into_inner() {
        file::Alias::Everywhere(addresses) => {
            if matches!(addresses, Addresses::Hidden) {
                let advice = "take the server away, or tell the views: { lan = \"none\" }";
                mistakes.add(&at, format!("`alias` is \"none\", so that no client is told of it: {advice}"));
            }
            let told = by_server(&addresses, &at, servers, expand, mistakes);
            for (aliases, alias) in resolved.iter_mut().zip(told) {
                aliases.everywhere = Some((at.clone(), alias));
            }
        }
        file::Alias::ByView(table) => {
            if table.is_empty() && !mistakes.lost_key(&at) {
                mistakes.add(&at, "`alias` is empty: write { view = address }, or take it away");
            }
            for (name, addresses) in table {
                let identifier = views.identifier(name.get_ref(), &name.span(), mistakes);
                let list_at = addresses.span();
                let told = by_server(addresses.get_ref(), &list_at, servers, &expand, mistakes);
                for (aliases, alias) in resolved.iter_mut().zip(told) {
                    match identifier {
                        None => {}
                        Some(0) => aliases.everywhere = Some((list_at.clone(), alias)),
                        Some(view) => aliases.views.push((view, list_at.clone(), alias)),
                    }
                }
            }
        }
    }
    resolved
}

/// The alias of each server, from what each element of the file expands to.
fn by_server<A>(
    addresses: &Addresses<A>,
    at: &Span,
    servers: usize,
    expand: impl Fn(&A, &Span, &mut Mistakes<'_>) -> Vec<Option<IpAddr>>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<Alias> {
    let written: Vec<(&A, Span)> = match addresses {
        Addresses::Own => return vec![Alias::Own; servers],
        Addresses::Hidden => return vec![Alias::Hidden; servers],
        Addresses::One(element) => vec![(element, at.clone())],
        Addresses::List(list) => list.iter().map(|element| (element.get_ref(), element.span())).collect(),
    };
    if written.is_empty() && !mistakes.lost_element(at) {
        mistakes.add(at, "`alias` is an empty list: give an address, or take it away");
    }
    let mut lists = vec![Vec::new(); servers];
    for (element, element_at) in written {
        for (list, address) in lists.iter_mut().zip(expand(element, &element_at, mistakes)) {
            list.extend(address);
        }
    }
    lists
        .into_iter()
        .map(|list| if list.is_empty() { Alias::Hidden } else { Alias::Addresses(list) })
        .collect()
}
