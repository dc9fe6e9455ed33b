//! Servers on their way into the model, with the places in the file that told of them.

use std::net::{IpAddr, Ipv4Addr};

use super::{
    alias::Aliases,
    probe::{Differences, Templates},
};
use crate::{
    cluster::{Alias, Probe, Server},
    config::mistakes::{Mistakes, Span},
};

/// A server with the places that told of it.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) part: Option<String>,
    /// None where it was there but wrong.
    pub(super) address: Option<IpAddr>,
    /// For a counted server its part's first address.
    pub(super) address_at: Span,
    pub(super) aliases: Aliases,
    pub(super) weight: u16,
    pub(super) tier: u8,
    pub(super) probes: Differences,
}

/// The own addresses that one part counts.
pub(super) struct Counted {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) at: Span,
}

/// What the tables of one cluster come to.
#[derive(Default)]
pub(super) struct Drafts {
    /// Counted ones in address order, part by part, then single ones in file order.
    pub(super) servers: Vec<Draft>,
    pub(super) counted: Vec<Counted>,
}

impl Draft {
    /// What clients of a view are told, and where that is written.
    pub(super) fn handed_out(&self, view: u32) -> (&[IpAddr], &Span) {
        let specific = self.aliases.views.iter().find(|(of, ..)| *of == view);
        let specific = specific.map(|(_, at, alias)| (at, alias));
        let everywhere = self.aliases.everywhere.as_ref().map(|(at, alias)| (at, alias));
        match specific.or(everywhere) {
            None => (self.address.as_slice(), &self.address_at),
            Some((at, alias)) => (alias.addresses(self.address.as_slice()), at),
        }
    }

    pub(super) fn into_server(self, probes: Vec<Probe>) -> Server {
        let Aliases { everywhere, mut views } = self.aliases;
        views.sort_by_key(|(view, ..)| *view);
        Server {
            name: self.name,
            part: self.part,
            address: self.address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
            weight: self.weight,
            tier: self.tier,
            alias: everywhere.map_or(Alias::Own, |(_, alias)| alias),
            view_aliases: views.into_iter().map(|(view, _, alias)| (view, alias)).collect(),
            probes,
        }
    }
}

impl Drafts {
    pub(super) fn into_servers(self, templates: &Templates, mistakes: &mut Mistakes<'_>) -> Vec<Server> {
        let server = |draft: Draft| {
            let probes = templates.of(draft.address, &draft.probes, mistakes);
            draft.into_server(probes)
        };
        self.servers.into_iter().map(server).collect()
    }
}
