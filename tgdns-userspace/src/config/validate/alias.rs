//! Aliases: what a server is handed out as, in each view.

use std::net::IpAddr;

use toml::Spanned;

use super::view::ViewNames;
use crate::config::{
    count,
    file::{Addresses, Alias, Given},
    leaf::{Address, Base},
    mistakes::{Mistakes, Span},
};

/// The aliases of one server, each list with its place in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Aliases {
    pub(super) everywhere: Option<(Span, Vec<IpAddr>)>,
    /// By view identifier (1 and up).
    pub(super) views: Vec<(u32, Span, Vec<IpAddr>)>,
}

/// The aliases of a single server, or of an overridden one.
pub(super) fn single(
    given: Given<Alias<Address>>,
    views: &ViewNames,
    mistakes: &mut Mistakes<'_>,
) -> Option<Aliases> {
    let given = given?;
    let one = |address: &Address, _: &Span, _: &mut Mistakes<'_>| Some(vec![address.0]);
    resolve(given, 1, one, views, mistakes).pop()
}

/// The aliases of a part's servers, counted up from their bases.
pub(super) fn counted(
    given: Given<Alias<Base>>,
    count: u32,
    views: &ViewNames,
    mistakes: &mut Mistakes<'_>,
) -> Vec<Aliases> {
    let servers = usize::try_from(count).unwrap_or_default();
    let Some(given) = given else { return vec![Aliases::default(); servers] };
    let up = |base: &Base, at: &Span, mistakes: &mut Mistakes<'_>| match count::addresses(base, count) {
        Ok(addresses) => Some(addresses),
        Err(cause) => {
            mistakes.add(at, format!("`alias`: {cause}"));
            None
        }
    };
    resolve(given, servers, up, views, mistakes)
}

/// One `Aliases` for each server; `expand` gives one address for each server.
fn resolve<A>(
    given: Spanned<Alias<A>>,
    servers: usize,
    expand: impl Fn(&A, &Span, &mut Mistakes<'_>) -> Option<Vec<IpAddr>>,
    views: &ViewNames,
    mistakes: &mut Mistakes<'_>,
) -> Vec<Aliases> {
    let mut resolved = vec![Aliases::default(); servers];
    let at = given.span();
    match given.into_inner() {
        Alias::Everywhere(addresses) => {
            let lists = by_server(&addresses, &at, servers, expand, mistakes);
            for (aliases, list) in resolved.iter_mut().zip(lists) {
                aliases.everywhere = Some((at.clone(), list));
            }
        }
        Alias::ByView(table) => {
            if table.is_empty() && !mistakes.lost_key(&at) {
                mistakes.add(&at, "`alias` is empty: write { view = address }, or take it away");
            }
            for (name, addresses) in table {
                let identifier = views.identifier(name.get_ref(), &name.span(), mistakes);
                let list_at = addresses.span();
                let lists = by_server(addresses.get_ref(), &list_at, servers, &expand, mistakes);
                for (aliases, list) in resolved.iter_mut().zip(lists) {
                    match identifier {
                        None => {}
                        Some(0) => aliases.everywhere = Some((list_at.clone(), list)),
                        Some(view) => aliases.views.push((view, list_at.clone(), list)),
                    }
                }
            }
        }
    }
    resolved
}

/// The list of each server, from the lists that each written address expands to.
fn by_server<A>(
    addresses: &Addresses<A>,
    at: &Span,
    servers: usize,
    expand: impl Fn(&A, &Span, &mut Mistakes<'_>) -> Option<Vec<IpAddr>>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<Vec<IpAddr>> {
    let written: Vec<(&A, Span)> = match addresses {
        Addresses::One(address) => vec![(address, at.clone())],
        Addresses::List(list) => list.iter().map(|address| (address.get_ref(), address.span())).collect(),
    };
    if written.is_empty() && !mistakes.lost_element(at) {
        mistakes.add(at, "`alias` is an empty list: give an address, or take it away");
    }
    let mut lists = vec![Vec::new(); servers];
    for (address, address_at) in written {
        for (list, address) in
            lists.iter_mut().zip(expand(address, &address_at, mistakes).unwrap_or_default())
        {
            list.push(address);
        }
    }
    lists
}
