//! The servers of one cluster: counted by its parts, overridden, and single.

use std::{collections::HashMap, rc::Rc};

use toml::Spanned;

use super::{
    Names, alias,
    draft::{Counted, Draft, Drafts},
    probe::{Differences, Overrides, Templates},
    row, take_name,
    view::ViewNames,
};
use crate::config::{
    MOST_SERVERS,
    count::Places,
    file,
    leaf::Label,
    mistakes::{Mistakes, Span},
};

const DEFAULT_WEIGHT: u16 = 1;
const DEFAULT_TIER: u8 = 1;

/// Of one label (RFC 1035 2.3.4): servers are names below the cluster's.
const LONGEST_LABEL: usize = 63;

/// Collects the servers of one cluster.
pub(super) struct Collector<'c, 't> {
    views: &'c ViewNames,
    probes: &'c Templates,
    names: &'c mut Names,
    mistakes: &'c mut Mistakes<'t>,
    drafts: Drafts,
    /// The cluster's first label, for parts without a name; none where that is missing or wrong.
    stem: Option<&'c str>,
    /// Servers of parts without a name, which continue each other's numbers.
    unnamed: u32,
    /// Not so after a part that could not be counted: a name that fits nothing may be its server's.
    names_are_known: bool,
    /// How many of the drafts, the first ones, were counted by parts.
    counted: usize,
}

impl<'c, 't> Collector<'c, 't> {
    pub(super) fn new(
        stem: Option<&'c str>,
        views: &'c ViewNames,
        probes: &'c Templates,
        names: &'c mut Names,
        mistakes: &'c mut Mistakes<'t>,
    ) -> Self {
        let drafts = Drafts::default();
        Self {
            views,
            probes,
            names,
            mistakes,
            drafts,
            stem,
            unnamed: 0,
            names_are_known: stem.is_some(),
            counted: 0,
        }
    }

    pub(super) fn collect(
        mut self,
        cluster: &Span,
        parts: file::Tables<file::Part>,
        servers: file::Tables<file::Server>,
    ) -> Drafts {
        let (parts, parts_are_whole) = self.tables(parts, cluster, "part");
        let (servers, servers_are_whole) = self.tables(servers, cluster, "server");
        self.names_are_known &= parts_are_whole;
        if parts.is_empty() && servers.is_empty() && parts_are_whole && servers_are_whole {
            let advice = "add a [[cluster.part]] or a [[cluster.server]]";
            self.mistakes.add(cluster, format!("this cluster has no servers: {advice}"));
        }
        for part in parts {
            self.part(part);
        }
        self.counted = self.drafts.servers.len();
        self.servers(servers);

        let total = self.drafts.servers.len();
        if u32::try_from(total).is_ok_and(|total| total > MOST_SERVERS) {
            let message = format!("this cluster has {total} servers, at most {MOST_SERVERS} are possible");
            self.mistakes.add(cluster, format!("{message}: move some to another cluster"));
        }
        self.drafts
    }

    /// A list of tables, and whether nothing of it was wrong.
    fn tables<T>(
        &self,
        given: file::Tables<T>,
        holder: &Span,
        key: &str,
    ) -> (Vec<Spanned<file::Table<T>>>, bool) {
        match given {
            None => (Vec::new(), !self.mistakes.was_wrong(holder, key)),
            Some(list) => {
                let is_whole = !self.mistakes.lost_element(&list.span());
                (list.into_inner(), is_whole)
            }
        }
    }

    fn part(&mut self, part: Spanned<file::Table<file::Part>>) {
        let at = part.span();
        let part = part.into_inner().0;
        let advice = "give the own address of the part's first server";
        let first = self.mistakes.required(part.first, &at, "first", advice);
        let count = self.mistakes.required(part.count, &at, "count", "give the number of the part's servers");
        let is_named = part.name.is_some() || self.mistakes.was_wrong(&at, "name");
        let mut names_are_free = part.name.as_ref().is_none_or(|name| self.take_part_name(name));

        // An unknown count still leaves the aliases' own mistakes to be told.
        let length = count.as_ref().map_or(1, |count| count.get_ref().0);
        let places = first
            .as_ref()
            .and_then(|first| row::places(first, &part.step, &part.skip, length, self.mistakes));
        let is_hole: Option<Vec<bool>> =
            places.as_ref().map(|places| places.iter().map(Option::is_none).collect());
        let known_holes = is_hole.as_deref().filter(|_| count.is_some() && !self.mistakes.lost_key(&at));
        let aliases = alias::counted(part.alias, length, known_holes, self.views, self.mistakes);
        let all_there = || vec![false; usize::try_from(length).unwrap_or_default()];
        let beside = Places { step: row::number(&part.step), is_hole: is_hole.unwrap_or_else(all_there) };
        let probes = Rc::new(Overrides::new(part.probe, &beside, self.probes, self.mistakes));
        let places = places.zip(first.map(|first| first.span()));
        let offset = if is_named { 0 } else { self.unnamed };
        let (stem, name_at) = match &part.name {
            Some(name) => (Some(name.get_ref().0.as_str()), name.span()),
            None if is_named => (None, at),
            None => (self.stem, at),
        };
        let (Some((places, address_at)), Some(stem), true) = (places, stem, count.is_some()) else {
            self.names_are_known = false;
            return;
        };
        if !is_named {
            self.unnamed += length;
        }
        let longest = format!("{stem}-{}", offset + length);
        if longest.len() > LONGEST_LABEL {
            let advice = format!(
                "give this part a shorter `name`, of at most {} characters",
                LONGEST_LABEL + stem.len() - longest.len()
            );
            self.mistakes.add(
                &name_at,
                format!("its servers are called up to \"{longest}\", and a name has at most {LONGEST_LABEL} characters: {advice}"),
            );
        }

        let addresses = places.iter().flatten().copied().collect();
        self.drafts.counted.push(Counted { addresses, at: address_at.clone() });
        let weight = weight(part.weight).unwrap_or(DEFAULT_WEIGHT);
        let tier = tier(part.tier).unwrap_or(DEFAULT_TIER);
        // A hole keeps its number, so that filling it moves no other server's name or alias.
        for (place, ((number, address), aliases)) in (offset + 1..).zip(places).zip(aliases).enumerate() {
            let Some(address) = address else { continue };
            let name = format!("{stem}-{number}");
            // One clash of names tells of all that follow.
            names_are_free =
                names_are_free && self.take_server_name(&name, &name_at, "give this part another `name`");
            let address_at = address_at.clone();
            let part = Some(stem.to_owned());
            self.drafts.servers.push(Draft {
                name,
                part,
                address: Some(address),
                address_at,
                aliases,
                weight,
                tier,
                probes: Differences::of_part(&probes, place),
            });
        }
    }

    fn servers(&mut self, servers: Vec<Spanned<file::Table<file::Server>>>) {
        let mut told_of = HashMap::new();
        for server in servers {
            let at = server.span();
            let mut server = server.into_inner().0;
            let advice = "name the server, such as \"tgpro-9\"";
            let Some(name) = self.mistakes.required(server.name.take(), &at, "name", advice) else {
                continue;
            };
            let (name_at, name) = (name.span(), name.into_inner().0);
            if let Err(other) = take_name(&mut told_of, &name, &name_at) {
                let line = self.mistakes.line(&other);
                let advice = "use another name";
                self.mistakes
                    .add(&name_at, format!("server \"{name}\" is there already (line {line}): {advice}"));
                continue;
            }
            match self.drafts.servers.iter().take(self.counted).position(|draft| draft.name == name) {
                Some(index) => self.overridden(index, server, &at),
                None => self.single(Spanned::new(name_at, name), server, &at),
            }
        }
    }

    fn overridden(&mut self, index: usize, server: file::Server, at: &Span) {
        let Some(draft) = self.drafts.servers.get_mut(index) else { return };
        let gives_nothing = server.address.is_none()
            && server.alias.is_none()
            && server.weight.is_none()
            && server.tier.is_none()
            && server.probe.is_none();
        if gives_nothing && !self.mistakes.lost_key(at) {
            let message = format!("\"{}\" is counted by a part and nothing is overridden", draft.name);
            let advice = "give an address, an alias, a weight, a tier or a probe, or take this table away";
            self.mistakes.add(at, format!("{message}: {advice}"));
        }
        if let Some(address) = server.address {
            draft.address_at = address.span();
            draft.address = Some(address.into_inner().0);
        }
        // An alias without a view is told to all clients.
        if server.alias.as_ref().is_some_and(|alias| matches!(alias.get_ref(), file::Alias::Everywhere(_))) {
            draft.aliases = alias::Aliases::default();
        }
        if let Some(aliases) = alias::single(server.alias, self.views, self.mistakes) {
            draft.aliases.override_with(aliases);
        }
        if let Some(weight) = weight(server.weight) {
            draft.weight = weight;
        }
        if let Some(tier) = tier(server.tier) {
            draft.tier = tier;
        }
        draft.probes.set_own(Overrides::new(server.probe, &Places::single(), self.probes, self.mistakes));
    }

    fn single(&mut self, name: Spanned<String>, server: file::Server, at: &Span) {
        self.take_server_name(name.get_ref(), &name.span(), "use another name");
        let name = name.into_inner();
        if server.address.is_none() && self.names_are_known && !self.mistakes.was_wrong(at, "address") {
            let advice = match self.drafts.servers.get(..self.counted) {
                Some([first, .., last]) => {
                    format!("give it one, or name a counted server ({} … {})", first.name, last.name)
                }
                _ => "give it one".to_owned(),
            };
            let message = format!("`address` is missing, and no part counts a server \"{name}\": {advice}");
            self.mistakes.add(at, message);
        }
        let mut probes = Differences::default();
        probes.set_own(Overrides::new(server.probe, &Places::single(), self.probes, self.mistakes));
        self.drafts.servers.push(Draft {
            name,
            part: None,
            address_at: server.address.as_ref().map_or(at.clone(), Spanned::span),
            address: server.address.map(|address| address.into_inner().0),
            aliases: alias::single(server.alias, self.views, self.mistakes).unwrap_or_default(),
            weight: weight(server.weight).unwrap_or(DEFAULT_WEIGHT),
            tier: tier(server.tier).unwrap_or(DEFAULT_TIER),
            probes,
        });
    }

    fn take_part_name(&mut self, name: &Spanned<Label>) -> bool {
        let (at, name) = (name.span(), &name.get_ref().0);
        let taken = take_name(&mut self.names.parts, name, &at);
        if let Err(other) = &taken {
            let line = self.mistakes.line(other);
            self.mistakes
                .add(&at, format!("part \"{name}\" is there already (line {line}): use another name"));
        }
        taken.is_ok()
    }

    fn take_server_name(&mut self, name: &str, at: &Span, advice: &str) -> bool {
        let taken = take_name(&mut self.names.servers, name, at);
        if let Err(other) = &taken {
            let line = self.mistakes.line(other);
            self.mistakes.add(at, format!("server \"{name}\" is there already (line {line}): {advice}"));
        }
        taken.is_ok()
    }
}

fn weight(given: file::Weight) -> Option<u16> {
    u16::try_from(given?.into_inner().0).ok()
}

fn tier(given: file::Tier) -> Option<u8> {
    u8::try_from(given?.into_inner().0).ok()
}
