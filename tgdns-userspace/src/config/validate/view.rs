//! The classes of clients.

use std::collections::HashMap;

use ipnet::IpNet;

use super::take_name;
use crate::{
    cluster::{DefaultView, View},
    config::{
        file::{self, Given, Tables},
        leaf::{Label, Prefix},
        mistakes::{Mistakes, Span},
        read::nearest,
    },
};

/// What an alias table calls the clients that are in no view, and the views that it does not name.
pub(super) const DEFAULT_VIEW: &str = "default";
const NO_DATA: &str = "nodata";
const REFUSED: &str = "refused";

/// What no view can be called, and what it means in the file.
const RESERVED: [(&str, &str); 7] = [
    (DEFAULT_VIEW, "the clients in no view"),
    (NO_DATA, "an answer without addresses"),
    (REFUSED, "no answer"),
    ("base", "where aliases are counted from"),
    ("each", "a list of aliases"),
    ("skip", "aliases that are left out"),
    ("step", "how aliases are counted"),
];

/// The views' names in the order of their identifiers, which count from 1.
pub(super) struct ViewNames {
    names: Vec<String>,
    /// Not so where a view's name is missing or wrong: an unknown name may then be that view's.
    complete: bool,
}

pub(super) fn views(tables: Tables<file::View>, mistakes: &mut Mistakes<'_>) -> (Vec<View>, ViewNames) {
    let mut complete = !mistakes.was_wrong(&(0..0), "view");
    let mut views: Vec<View> = Vec::new();
    let mut names = HashMap::new();
    let mut prefixes = HashMap::new();
    let (at, tables) = tables.map_or((0..0, Vec::new()), |tables| (tables.span(), tables.into_inner()));
    complete &= !mistakes.lost_element(&at);
    for table in tables {
        let at = table.span();
        let view = table.into_inner().0;
        let name = mistakes.required(view.name, &at, "name", "give the view a name, such as \"lan\"");
        complete &= name.is_some();
        if let Some(name) = &name {
            let (name_at, name) = (name.span(), &name.get_ref().0);
            if let Some((_, meaning)) = RESERVED.iter().find(|(reserved, _)| reserved == name) {
                let message = format!("the view name \"{name}\" stands for {meaning}: use another name");
                mistakes.add(&name_at, message);
            } else if let Err(other) = take_name(&mut names, name, &name_at) {
                let line = mistakes.line(&other);
                mistakes.add(
                    &name_at,
                    format!("view \"{name}\" is there already (line {line}): use another name"),
                );
            }
        }
        let name = name.map_or_else(String::new, |name| name.into_inner().0);
        let advice = "list the prefixes of the view's clients, such as [\"192.168.0.0/16\"]";
        let clients = match mistakes.required(view.clients, &at, "clients", advice) {
            None => Vec::new(),
            Some(clients) => {
                let list = clients.span();
                if clients.get_ref().is_empty() && !mistakes.lost_element(&list) {
                    mistakes.add(&list, format!("`clients` is empty: {advice}"));
                }
                let clients = clients.into_inner();
                for prefix in &clients {
                    take_prefix(&mut prefixes, prefix.get_ref().0, &prefix.span(), &name, mistakes);
                }
                clients
                    .into_iter()
                    .map(|prefix| {
                        let Prefix(net) = prefix.into_inner();
                        net
                    })
                    .collect()
            }
        };
        views.push(View { name, clients });
    }
    let names = ViewNames { names: views.iter().map(|view| view.name.clone()).collect(), complete };
    (views, names)
}

/// What clients in no view are told; of a view only its name is given.
pub(super) fn default_view(
    given: Given<Label>,
    views: &ViewNames,
    mistakes: &mut Mistakes<'_>,
) -> DefaultView {
    let Some(given) = given else { return DefaultView::Own };
    let at = given.span();
    match given.into_inner().0.as_str() {
        DEFAULT_VIEW => DefaultView::Own,
        NO_DATA => DefaultView::NoData,
        REFUSED => DefaultView::Refused,
        name => {
            match views.names.iter().position(|known| known == name).map(|index| u32::try_from(index + 1)) {
                Some(Ok(identifier)) => DefaultView::View(identifier),
                _ => {
                    if views.complete {
                        let known =
                            [views.names.as_slice(), &[DEFAULT_VIEW, NO_DATA, REFUSED].map(str::to_owned)]
                                .concat();
                        let known: Vec<&str> = known.iter().map(String::as_str).collect();
                        let advice = match nearest(name, &known) {
                            Some(near) => format!("did you mean \"{near}\"?"),
                            None => format!("use one of: {}", known.join(", ")),
                        };
                        mistakes.add(&at, format!("`default_view`: \"{name}\" is no known view: {advice}"));
                    }
                    DefaultView::Own
                }
            }
        }
    }
}

fn take_prefix(
    taken: &mut HashMap<IpNet, (String, Span)>,
    prefix: IpNet,
    at: &Span,
    view: &str,
    mistakes: &mut Mistakes<'_>,
) {
    if let Some((other, by)) = taken.get(&prefix) {
        let line = mistakes.line(by);
        let message = match other == view {
            true => format!("{prefix} is there already (line {line}): take one away"),
            false => format!(
                "{prefix} belongs to view \"{other}\" already (line {line}): a client can be in one view only"
            ),
        };
        mistakes.add(at, message);
    } else {
        taken.insert(prefix, (view.to_owned(), at.clone()));
    }
}

impl ViewNames {
    pub(super) fn last_identifier(&self) -> u32 {
        u32::try_from(self.names.len()).unwrap_or(u32::MAX)
    }

    /// Whose eyes a message speaks of, to be read behind "handed out"; nothing for clients in no view.
    pub(super) fn seen_by(&self, identifier: u32) -> String {
        let index = usize::try_from(identifier).ok().and_then(|identifier| identifier.checked_sub(1));
        let name = index.and_then(|index| self.names.get(index));
        name.map_or_else(String::new, |name| format!(" in view \"{name}\""))
    }

    /// The identifier of a view that an alias table names; 0 is `default`.
    pub(super) fn identifier(&self, name: &str, at: &Span, mistakes: &mut Mistakes<'_>) -> Option<u32> {
        if name == DEFAULT_VIEW {
            return Some(0);
        }
        if let Some(index) = self.names.iter().position(|known| known == name) {
            return u32::try_from(index + 1).ok();
        }
        if self.complete {
            let known: Vec<&str> = self.names.iter().map(String::as_str).chain([DEFAULT_VIEW]).collect();
            let advice = match nearest(name, &known) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("add a [[view]] of this name, or use one of: {}", known.join(", ")),
            };
            mistakes.add(at, format!("\"{name}\" is no known view: {advice}"));
        }
        None
    }
}
