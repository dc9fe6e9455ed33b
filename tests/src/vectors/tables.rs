//! From a described table set to the image that every executor publishes.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use tgdns::{
    cluster::{
        Alias, Answer, Cluster, Join, Model, Policy, ProbeLimits, RateLimit, Select, Server, TcpLimits, View,
        WhenStale, XdpMode,
    },
    heartbeat::Freshness,
    image::Image,
    netlink::ServiceAddress,
    publish,
    selection::{Chosen, Rule},
    xdp::{Program, Published},
};

use super::{file, reply::counted};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(86_400);

pub struct TableSet {
    pub name: String,
    model: Model,
    chosen: Vec<Chosen>,
    services: BTreeSet<ServiceAddress>,
    is_stale: bool,
}

/// What a client may be told for a name.
pub struct Live {
    /// In the order of the servers.
    pub addresses: Vec<IpAddr>,
    /// How many of one family an answer carries at most.
    pub limit: usize,
    /// Seconds.
    pub ttl: u32,
    /// Of answers without addresses.
    pub rcode: u16,
    /// What clients with EDNS are told.
    pub extended_error: Option<u16>,
    pub rotates: bool,
}

impl TableSet {
    pub fn new(name: &str, tables: file::Tables) -> Result<Self> {
        let context = || format!("tables {name}");
        let services = tables.services.iter().map(service).collect::<Result<_>>().with_context(context)?;
        let views: Vec<View> =
            tables.views.into_iter().map(|file::View { name, clients }| View { name, clients }).collect();
        let (mut clusters, mut chosen) = (Vec::new(), Vec::new());
        for cluster in &tables.cluster {
            let (servers, weights) = servers(cluster, &views).with_context(context)?;
            let name_servers = servers.iter().take(2).cloned().collect();
            clusters.push(Cluster {
                name: cluster.name.clone(),
                ttl: cluster.ttl,
                ttl_min: None,
                negative_ttl: 5,
                answer: cluster.subset.map_or(Answer::All, Answer::Subset),
                policy: Policy {
                    select: cluster
                        .sticky
                        .map_or(Select::Weighted, |[ipv4, ipv6]| Select::Sticky { ipv4, ipv6 }),
                    ..Policy::default()
                },
                probes: vec![],
                join: Join::All,
                servers,
                name_servers,
            });
            chosen.push(Chosen::new(rule(cluster.rule), weights));
        }
        let listen = match tables.no_sockets {
            true => vec![],
            false => vec!["0.0.0.0:53".parse()?, "[::]:53".parse()?],
        };
        let model = Model {
            interfaces: vec!["eth0".into()],
            xdp_mode: XdpMode::Native,
            state_directory: "/nonexistent".into(),
            control: "/nonexistent".into(),
            control_group: None,
            writable: vec![],
            pin_directory: "/nonexistent".into(),
            listen,
            identity: tables.identity.clone(),
            version: tables.version.clone(),
            cookie_secret: tables.cookies.then(|| "/nonexistent".into()),
            tcp: TcpLimits::default(),
            rate_limit: tables.rate_limit.as_ref().map(rate_limit),
            probes: ProbeLimits::default(),
            stale_after: Duration::from_secs(10),
            when_stale: tables.stale.map_or(WhenStale::Hold, when_stale),
            views,
            default_view: Default::default(),
            hooks: vec![],
            clusters,
        };
        Ok(Self { name: name.into(), model, chosen, services, is_stale: tables.stale.is_some() })
    }

    /// What a client may be told for a name; nothing where it is not in the tables.
    pub fn handed_out(&self, name: &str, client: IpAddr) -> Option<Live> {
        let index = self.model.clusters.iter().position(|cluster| cluster.name == name)?;
        let cluster = &self.model.clusters[index];
        let holding = (1..).zip(&self.model.views).flat_map(|(identifier, view)| {
            let prefixes = view.clients.iter().filter(|prefix| prefix.contains(&client));
            prefixes.map(move |prefix| (prefix.prefix_len(), identifier))
        });
        let view = holding.max().map_or(0, |(_, identifier)| identifier);
        let stale = self.is_stale.then_some(self.model.when_stale);
        let chosen = match stale {
            Some(WhenStale::All) => &self.chosen[index].everyone(cluster, view),
            Some(WhenStale::Servfail) => &Chosen::new(Rule::Servfail, vec![0; cluster.servers.len()]),
            Some(WhenStale::Hold | WhenStale::Pass) | None => &self.chosen[index],
        };
        let Chosen { rule, weights, .. } = chosen;
        let live = cluster.servers.iter().zip(weights).filter(|(_, weight)| **weight != 0);
        Some(Live {
            addresses: live.flat_map(|(server, _)| server.handed_out(view)).copied().collect(),
            limit: match cluster.answer {
                Answer::All => usize::MAX,
                Answer::One => 1,
                Answer::Subset(limit) => limit.into(),
            },
            ttl: if self.is_stale { cluster.ttl.min(1) } else { cluster.ttl },
            rcode: match rule {
                Rule::Servfail => 2,
                Rule::Refused => 5,
                Rule::Live | Rule::All | Rule::Last | Rule::NoData | Rule::Addresses => 0,
            },
            extended_error: match rule {
                Rule::Servfail if stale == Some(WhenStale::Servfail) => Some(14),
                _ if self.is_stale => Some(3),
                Rule::Live => None,
                Rule::Last => Some(3),
                Rule::All | Rule::Servfail | Rule::Refused | Rule::NoData | Rule::Addresses => Some(22),
            },
            rotates: weights.iter().all(|weight| *weight == weights[0]) || cluster.answer == Answer::All,
        })
    }

    pub fn image(&self) -> Image {
        let prefixes = publish::prefixes(&self.model);
        let freshness = Freshness::default();
        if self.is_stale {
            freshness.lasts_until(Instant::now());
        }
        publish::image(&self.model, &prefixes, &self.chosen, &self.services, &[], &[])
            .with_freshness(freshness)
    }

    pub fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Makes a program answer by it.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn publish_to(&self, program: &mut Program) -> Result<Published> {
        program.beat(if self.is_stale { Duration::ZERO } else { LONG })?;
        program.publish(&self.image())
    }
}

fn service(service: &file::Service) -> Result<ServiceAddress> {
    Ok(ServiceAddress {
        interface: "eth0".into(),
        interface_index: 2,
        mac: service.mac.mac()?,
        vlan_tags: service.vlans.clone(),
        address: service.address,
    })
}

fn servers(cluster: &file::Cluster, views: &[View]) -> Result<(Vec<Server>, Vec<u32>)> {
    let (mut servers, mut weights) = (Vec::new(), Vec::new());
    for described in &cluster.servers {
        for index in 0..described.count {
            let count = |addresses: &[_]| addresses.iter().map(|first| counted(*first, index)).collect();
            let in_view = |(view, aliases): (&String, &Vec<_>)| {
                let position = views.iter().position(|known| known.name == *view);
                let position = position.with_context(|| format!("unknown view {view}"))?;
                Ok((u32::try_from(position)? + 1, Alias::Addresses(count(aliases))))
            };
            servers.push(Server {
                name: format!("server-{}", servers.len() + 1),
                part: None,
                address: counted(described.address, index),
                weight: described.weight,
                tier: 1,
                alias: match described.aliases.as_slice() {
                    [] => Alias::Own,
                    aliases => Alias::Addresses(count(aliases)),
                },
                view_aliases: described.view_aliases.iter().map(in_view).collect::<Result<_>>()?,
                probes: vec![],
            });
            weights.push(if described.live { u32::from(described.weight) } else { 0 });
        }
    }
    Ok((servers, weights))
}

fn rate_limit(limit: &file::RateLimit) -> RateLimit {
    let file::RateLimit { responses_per_second, slip, exempt, exempt_private } = limit.clone();
    let default = RateLimit::default();
    RateLimit {
        responses_per_second: responses_per_second.unwrap_or(default.responses_per_second),
        slip: slip.unwrap_or(default.slip),
        exempt,
        exempt_private: exempt_private.unwrap_or(default.exempt_private),
        ..default
    }
}

fn when_stale(word: file::WhenStale) -> WhenStale {
    match word {
        file::WhenStale::Hold => WhenStale::Hold,
        file::WhenStale::All => WhenStale::All,
        file::WhenStale::Servfail => WhenStale::Servfail,
        file::WhenStale::Pass => WhenStale::Pass,
    }
}

fn rule(rule: file::Rule) -> Rule {
    match rule {
        file::Rule::Live => Rule::Live,
        file::Rule::All => Rule::All,
        file::Rule::Last => Rule::Last,
        file::Rule::Servfail => Rule::Servfail,
        file::Rule::Refused => Rule::Refused,
        file::Rule::NoData => Rule::NoData,
    }
}
