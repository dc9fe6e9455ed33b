//! The configuration of the organisation's DNS server: the clusters' zones are asked of the load balancers.
//!
//! Each DNS server is one small module that writes one or more files. Who renders them decides which zones there are
//! and who is asked for them: `tgdns forwarder-config` takes both from the configuration.

mod bind;
mod dnsmasq;
mod knot_resolver;
mod pdns_recursor;
mod systemd_resolved;
#[cfg(test)]
mod tests;
mod unbound;
mod windows;

use std::net::IpAddr;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::cluster::{Cluster, Model};

/// A DNS server that can be told to ask the load balancers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsServer {
    Bind,
    Unbound,
    Dnsmasq,
    KnotResolver,
    PdnsRecursor,
    SystemdResolved,
    Windows,
}

/// How a DNS server is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Queries for the zone go to the load balancers.
    Forward,
    /// The load balancers' addresses are where the zone's name servers are learned from.
    Stub,
    /// The load balancers' addresses are the zone's name servers, whatever the zone says.
    StaticStub,
}

/// A zone, and who is asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// As [`Cluster::name`].
    pub name: String,
    /// Seconds; how long its answers are to be cached.
    pub ttl: u32,
    pub servers: Vec<IpAddr>,
}

/// A file on the DNS server's machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: &'static str,
    /// Begins with a comment that tells where the text belongs.
    pub text: String,
    /// What makes the DNS server read the file, where it does not by itself.
    pub include: Option<Include>,
}

/// A line that is added by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Include {
    /// The file that it is added to.
    pub into: &'static str,
    pub line: &'static str,
}

impl DnsServer {
    pub const ALL: [Self; 7] = [
        Self::Bind,
        Self::Unbound,
        Self::Dnsmasq,
        Self::KnotResolver,
        Self::PdnsRecursor,
        Self::SystemdResolved,
        Self::Windows,
    ];

    /// As the command line has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Unbound => "unbound",
            Self::Dnsmasq => "dnsmasq",
            Self::KnotResolver => "knot-resolver",
            Self::PdnsRecursor => "pdns-recursor",
            Self::SystemdResolved => "systemd-resolved",
            Self::Windows => "windows",
        }
    }

    /// The styles that it knows, the default first.
    pub fn styles(self) -> &'static [Style] {
        match self {
            Self::Bind => &[Style::Forward, Style::Stub, Style::StaticStub],
            Self::Unbound | Self::KnotResolver | Self::Windows => &[Style::Forward, Style::Stub],
            Self::Dnsmasq | Self::PdnsRecursor | Self::SystemdResolved => &[Style::Forward],
        }
    }

    /// The style, or the default one.
    ///
    /// # Errors
    /// It does not know the style; the message says which ones it does.
    pub fn style(self, wanted: Option<Style>) -> Result<Style> {
        let known = self.styles();
        let style = wanted.or(known.first().copied()).context("it knows no style")?;
        if !known.contains(&style) {
            let known: Vec<_> = known.iter().map(|style| style.as_str()).collect();
            bail!("{} has no style {}; it knows {}", self.as_str(), style.as_str(), known.join(", "));
        }
        Ok(style)
    }
}

impl Style {
    pub const ALL: [Self; 3] = [Self::Forward, Self::Stub, Self::StaticStub];

    /// As the command line has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Stub => "stub",
            Self::StaticStub => "static-stub",
        }
    }
}

/// The zones of a configuration, and the load balancers as the clients of a view reach them.
///
/// # Errors
/// There is no such view, or there is nothing to ask for.
pub fn zones(model: &Model, view: Option<&str>) -> Result<Vec<Zone>> {
    let view = view.map(|name| view_identifier(model, name)).transpose()?;
    ensure!(!model.clusters.is_empty(), "there is no [[cluster]], so there is nothing to forward");
    let zone = |cluster: &Cluster| Zone {
        name: cluster.name.clone(),
        ttl: cluster.ttl_min.unwrap_or(cluster.ttl),
        servers: load_balancers(cluster, view),
    };
    let zones: Vec<Zone> = model.clusters.iter().map(zone).collect();
    if let Some(zone) = zones.iter().find(|zone| zone.servers.is_empty()) {
        bail!("no load balancer of {} is handed out in this view: give them an alias there", zone.name);
    }
    Ok(zones)
}

/// Who answers for a cluster, at their own addresses or at those that a view is handed.
fn load_balancers(cluster: &Cluster, view: Option<u32>) -> Vec<IpAddr> {
    let balancing = cluster.name_servers.iter();
    match view {
        None => balancing.map(|server| server.address).collect(),
        Some(view) => balancing.flat_map(|server| server.handed_out(view).iter().copied()).collect(),
    }
}

fn view_identifier(model: &Model, name: &str) -> Result<u32> {
    let found = model.view_identifiers().find(|identifier| model.view_name(*identifier) == name);
    found.with_context(|| {
        let names: Vec<_> = model.view_identifiers().map(|identifier| model.view_name(identifier)).collect();
        format!("there is no view {name}; there is {}", names.join(", "))
    })
}

/// The files for a DNS server.
///
/// # Errors
/// It does not know the style.
pub fn render(server: DnsServer, style: Style, zones: &[Zone]) -> Result<Vec<File>> {
    let style = server.style(Some(style))?;
    Ok(match server {
        DnsServer::Bind => bind::files(style, zones),
        DnsServer::Unbound => unbound::files(style, zones),
        DnsServer::Dnsmasq => dnsmasq::files(zones),
        DnsServer::KnotResolver => knot_resolver::files(style, zones),
        DnsServer::PdnsRecursor => pdns_recursor::files(zones),
        DnsServer::SystemdResolved => systemd_resolved::files(zones),
        DnsServer::Windows => windows::files(style, zones),
    })
}

/// All files, one after the other.
pub fn to_text(files: &[File]) -> String {
    files.iter().map(|file| file.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// The same as JSON: `.files[].{path,text,include}`, where `include` is null or `{into,line}`.
pub fn to_json(server: DnsServer, style: Style, files: &[File]) -> Value {
    let file = |file: &File| {
        let include = file.include.map(|include| json!({ "into": include.into, "line": include.line }));
        json!({ "path": file.path, "text": file.text, "include": include })
    };
    json!({
        "server": server.as_str(),
        "style": style.as_str(),
        "files": files.iter().map(file).collect::<Vec<_>>(),
    })
}

/// What `each` makes of the elements, one after the other.
fn concatenated<T>(elements: &[T], each: impl FnMut(&T) -> String) -> String {
    elements.iter().map(each).collect()
}

/// The zones' servers, each once, in order.
fn servers_of_all(zones: &[Zone]) -> Vec<IpAddr> {
    let mut servers = Vec::new();
    for server in zones.iter().flat_map(|zone| &zone.servers) {
        if !servers.contains(server) {
            servers.push(*server);
        }
    }
    servers
}

/// The servers with something between them.
fn joined(servers: &[IpAddr], separator: &str) -> String {
    servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(separator)
}
