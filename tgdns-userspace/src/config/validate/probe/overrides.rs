//! What a part or a server says differently of the cluster's probes.

use std::{net::IpAddr, rc::Rc};

use super::Templates;
use crate::config::{
    count::Places,
    file::{self, Given},
    mistakes::{Mistakes, Span},
    read::nearest,
};

/// What one table says differently, by the index of the cluster's probe.
pub(in crate::config::validate) struct Overrides(Vec<Override>);

struct Override {
    probe: usize,
    at: Span,
    table: file::Probe,
    /// Probed in place of the servers' own addresses, by the part's places; empty where nothing is said.
    addresses: Vec<IpAddr>,
}

impl Overrides {
    /// `places` are those of the servers that they are for, by which an address is counted.
    pub(in crate::config::validate) fn new(
        given: Given<file::Probes>,
        places: &Places,
        templates: &Templates,
        mistakes: &mut Mistakes<'_>,
    ) -> Self {
        let mut overrides: Vec<Override> = Vec::new();
        for table in given.map(file::Probes::tables).unwrap_or_default() {
            let (at, table) = (table.span(), table.into_inner());
            let Some(probe) = place(&table, &at, templates, mistakes) else { continue };
            if overrides.iter().any(|other| other.probe == probe) {
                let name = templates.names()[probe];
                mistakes.add(&at, format!("probe \"{name}\" is overridden twice: write one table of both"));
            }
            if let Some(kind) = &table.kind {
                let advice = "take it away, or add another probe to the cluster";
                mistakes.add(&kind.span(), format!("`type` is the cluster's to say: {advice}"));
            }
            let counted = table.address.as_ref().map(|base| (base.span(), places.addresses(base.get_ref())));
            let addresses = match counted {
                None => Vec::new(),
                Some((_, Ok(addresses))) => addresses,
                Some((base_at, Err(cause))) => {
                    mistakes.add(&base_at, format!("`address`: {cause}"));
                    Vec::new()
                }
            };
            overrides.push(Override { probe, at, table, addresses });
        }
        Self(overrides)
    }

    fn of(&self, probe: usize) -> Option<&Override> {
        self.0.iter().find(|other| other.probe == probe)
    }
}

/// The index of the probe that a table is about: the one with its name, or the only one.
fn place(
    table: &file::Probe,
    at: &Span,
    templates: &Templates,
    mistakes: &mut Mistakes<'_>,
) -> Option<usize> {
    let names = templates.names();
    match &table.name {
        None if names.len() <= 1 => (!names.is_empty()).then_some(0),
        None => {
            if templates.names_are_known && !mistakes.was_wrong(at, "name") {
                let advice = format!("give the `name` of one of the cluster's: {}", names.join(", "));
                mistakes.add(at, format!("there are several probes to override: {advice}"));
            }
            None
        }
        Some(name) => {
            let (name_at, name) = (name.span(), &name.get_ref().0);
            let index = names.iter().position(|known| known == name);
            if index.is_none() && templates.names_are_known {
                let advice = match nearest(name, &names) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("it has {}", names.join(", ")),
                };
                mistakes.add(&name_at, format!("the cluster has no probe \"{name}\": {advice}"));
            }
            index
        }
    }
}

/// All that is different for one server.
#[derive(Default)]
pub(in crate::config::validate) struct Differences {
    part: Option<Rc<Overrides>>,
    /// Of the server in its part, where holes have places, too.
    place: usize,
    own: Option<Overrides>,
}

impl Differences {
    pub(in crate::config::validate) fn of_part(part: &Rc<Overrides>, place: usize) -> Self {
        Self { part: (!part.0.is_empty()).then(|| Rc::clone(part)), place, own: None }
    }

    pub(in crate::config::validate) fn set_own(&mut self, own: Overrides) {
        self.own = (!own.0.is_empty()).then_some(own);
    }

    /// The table of a probe with what is different, and the places of what was written over it.
    pub(super) fn over(&self, probe: usize, template: &file::Probe) -> (file::Probe, Vec<Span>) {
        let own = self.own.as_ref().and_then(|own| own.of(probe));
        let part = self.part.as_ref().and_then(|part| part.of(probe));
        let tables = [part, own];
        let places = tables.iter().flatten().map(|other| other.at.clone()).collect();
        let merge = |base: file::Probe, other: &&Override| other.table.clone().over(&base);
        (tables.iter().flatten().fold(template.clone(), merge), places)
    }

    /// What is probed in place of the server's own address.
    pub(super) fn address(&self, probe: usize) -> Option<IpAddr> {
        let own = self.own.as_ref().and_then(|own| own.of(probe)).and_then(|own| own.addresses.first());
        let part = self.part.as_ref().and_then(|part| part.of(probe));
        own.or_else(|| part.and_then(|part| part.addresses.get(self.place))).copied()
    }
}
