//! The probes of a cluster, and what parts and servers say differently of them.

mod common;
mod kind;
mod overrides;

use std::{collections::HashMap, net::IpAddr};

use toml::Spanned;

use super::take_name;
use crate::{
    cluster::{Probe, ProbeKind, Tcp},
    config::{
        file::{self, Given},
        mistakes::{Mistakes, Span},
    },
};
pub(super) use overrides::{Differences, Overrides};

/// The probes of a cluster as they were written, so that others can be written over them.
pub(super) struct Templates {
    /// Its name.
    cluster: String,
    /// Each with its name.
    tables: Vec<(String, Spanned<file::Probe>)>,
    pub(super) probes: Vec<Probe>,
    /// Not so where a probe was wrong: a name that fits none may be its.
    names_are_known: bool,
}

impl Templates {
    /// `name` is the cluster's, and empty where that was wrong.
    pub(super) fn new(
        given: Given<file::Probes>,
        name: &str,
        cluster: &Span,
        mistakes: &mut Mistakes<'_>,
    ) -> Self {
        let advice = "add [cluster.probe] with type = \"tcp\" and the port of the service";
        let given = mistakes.required(given, cluster, "probe", advice);
        let list = given.as_ref().map(Spanned::span);
        let tables = given.map(file::Probes::tables).unwrap_or_default();
        let mut names_are_known = list.as_ref().is_some_and(|at| !mistakes.lost_element(at));
        if let (Some(at), [], true) = (&list, tables.as_slice(), names_are_known) {
            mistakes.add(at, format!("`probe` is empty: {advice}"));
        }

        let mut named = Vec::new();
        let mut taken = HashMap::new();
        let mut probes = Vec::new();
        for table in tables {
            let at = table.span();
            let probe = common::probe(table.get_ref(), std::slice::from_ref(&at), name, mistakes);
            if let Some(address) = &table.get_ref().address {
                let advice = "write it in the parts' or servers' own `probe`";
                mistakes.add(
                    &address.span(),
                    format!("`address` of all servers at once would be one machine: {advice}"),
                );
            }
            let is_known = !mistakes.was_wrong(&at, "name") && !mistakes.was_wrong(&at, "type");
            names_are_known &= is_known;
            let name_at = table.get_ref().name.as_ref().map_or(at, Spanned::span);
            if is_known && let Err(other) = take_name(&mut taken, &probe.name, &name_at) {
                let (line, name) = (mistakes.line(&other), &probe.name);
                mistakes.add(
                    &name_at,
                    format!("probe \"{name}\" is there already (line {line}): give this one another `name`"),
                );
            }
            named.push((probe.name.clone(), table));
            probes.push(probe);
        }
        if probes.is_empty() {
            // Of use to the checks that follow alone: there is a mistake.
            probes.push(Probe::new(ProbeKind::Tcp(Tcp::default()), 0));
            names_are_known = false;
        }
        Self { cluster: name.to_owned(), tables: named, probes, names_are_known }
    }

    /// The probes of one server; `address` is its own.
    pub(super) fn of(
        &self,
        address: Option<IpAddr>,
        differences: &Differences,
        mistakes: &mut Mistakes<'_>,
    ) -> Vec<Probe> {
        let mut probes = Vec::new();
        for (index, (name, template)) in self.tables.iter().enumerate() {
            let (table, mut places) = differences.over(index, template.get_ref());
            places.push(template.span());
            let mut probe = common::probe(&table, &places, &self.cluster, mistakes);
            probe.name.clone_from(name);
            probe.address = differences.address(index);
            if let (Some(source), Some(probed)) = (&table.source, probe.address.or(address)) {
                common::check_family(source, probed, mistakes);
            }
            probes.push(probe);
        }
        probes
    }

    fn names(&self) -> Vec<&str> {
        self.tables.iter().map(|(name, _)| name.as_str()).collect()
    }
}
