//! Rows of addresses: the servers of a part, and their aliases.

use std::{collections::HashSet, net::IpAddr};

use toml::Spanned;

use crate::config::{
    count::Counting,
    file::{Given, Row, RowTable},
    leaf::{Address, AddressOrNone, Base, Step},
    mistakes::{Mistakes, Span},
};

/// The own addresses at a part's places; none at one that is skipped. Nothing where they can't be had.
pub(super) fn places(
    first: &Spanned<Base>,
    step: &Given<Step>,
    skip: &Given<Vec<Spanned<Address>>>,
    count: u32,
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<Option<IpAddr>>> {
    let skipped = addresses(skip);
    let counting = Counting { base: first.get_ref(), step: number(step), skip: &skipped };
    let row = or_told(counting.row(count), "first", &first.span(), mistakes)?;
    check_skipped(skip, &row, mistakes);
    let places: Vec<Option<IpAddr>> =
        row.into_iter().map(|address| (!skipped.contains(&address)).then_some(address)).collect();
    if let Some(skip) = skip
        && places.iter().all(Option::is_none)
    {
        mistakes
            .add(&skip.span(), "`skip` names all addresses of this part: take the part away, or skip fewer");
    }
    Some(places)
}

/// One alias, or none, for each of a part's places.
pub(super) fn aliases(
    row: &Row,
    at: &Span,
    count: u32,
    is_hole: Option<&[bool]>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<Option<IpAddr>> {
    let table = match row {
        Row::From(base) => return counted(base, at, &None, &None, count, mistakes),
        Row::Table(table) => table,
    };
    match table {
        RowTable { base: Some(base), each: None, step, skip } => {
            counted(base.get_ref(), &base.span(), step, skip, count, mistakes)
        }
        RowTable { base: None, each: Some(each), step: None, skip: None } => {
            listed(each, count, is_hole, mistakes)
        }
        RowTable { each: Some(each), .. } => {
            let advice = "take away either `each`, or `base`, `step` and `skip`";
            mistakes.add(&each.span(), format!("`each` lists the aliases, so none is counted: {advice}"));
            Vec::new()
        }
        RowTable { base: None, each: None, .. } => {
            if !mistakes.was_wrong(at, "base") && !mistakes.was_wrong(at, "each") {
                mistakes.add(at, "`base` is missing: give the alias of the part's first server");
            }
            Vec::new()
        }
    }
}

fn counted(
    base: &Base,
    at: &Span,
    step: &Given<Step>,
    skip: &Given<Vec<Spanned<Address>>>,
    count: u32,
    mistakes: &mut Mistakes<'_>,
) -> Vec<Option<IpAddr>> {
    let skipped = addresses(skip);
    let counting = Counting { base, step: number(step), skip: &skipped };
    let Some(row) = or_told(counting.row_of(count), "alias", at, mistakes) else { return Vec::new() };
    check_skipped(skip, &row, mistakes);
    row.into_iter().filter(|address| !skipped.contains(address)).map(Some).collect()
}

fn listed(
    each: &Spanned<Vec<Spanned<AddressOrNone>>>,
    count: u32,
    is_hole: Option<&[bool]>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<Option<IpAddr>> {
    let at = each.span();
    let mut written = each.get_ref().iter().map(|address| address.get_ref().0);
    let Some(is_hole) = is_hole else { return written.collect() };
    let servers = is_hole.iter().filter(|is_hole| !**is_hole).count();
    if written.len() != servers && !mistakes.lost_element(&at) {
        let given = written.len();
        mistakes.add(
            &at,
            format!("`each` has {given} aliases for {servers} servers: give one for each, \"none\" for who has none"),
        );
    }
    let of_place = |is_hole: &bool| if *is_hole { None } else { written.next().flatten() };
    is_hole.iter().take(usize::try_from(count).unwrap_or_default()).map(of_place).collect()
}

fn addresses(skip: &Given<Vec<Spanned<Address>>>) -> Vec<IpAddr> {
    skip.iter().flat_map(|skip| skip.get_ref()).map(|address| address.get_ref().0).collect()
}

pub(super) fn number(step: &Given<Step>) -> i64 {
    step.as_ref().map_or(1, |step| step.get_ref().0)
}

fn or_told<T>(outcome: Result<T, String>, key: &str, at: &Span, mistakes: &mut Mistakes<'_>) -> Option<T> {
    outcome.map_err(|cause| mistakes.add(at, format!("`{key}`: {cause}"))).ok()
}

/// Each of them must be there, and once.
fn check_skipped(skip: &Given<Vec<Spanned<Address>>>, row: &[IpAddr], mistakes: &mut Mistakes<'_>) {
    let mut seen = HashSet::new();
    for address in skip.iter().flat_map(|skip| skip.get_ref()) {
        let (at, Address(address)) = (address.span(), address.get_ref());
        if !seen.insert(address) {
            mistakes.add(&at, format!("{address} is skipped twice: take one away"));
        } else if let (false, Some(first), Some(last)) = (row.contains(address), row.first(), row.last()) {
            mistakes
                .add(&at, format!("{address} is none of those counted from {first} to {last}: take it away"));
        }
    }
}
