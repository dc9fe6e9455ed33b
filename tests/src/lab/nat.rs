//! The NAT box between the clients' network and the cluster's: nftables and a DNS forwarder.

use std::{fmt::Write as _, fs, sync::Arc};

use anyhow::{Context as _, Result};

use super::{namespace::Namespace, resolver::Resolver, run::Run, server::Server};

pub const CLIENTS_DEVICE: &str = "clients";
pub const CLUSTER_DEVICE: &str = "cluster";

pub struct NatBox {
    pub namespace: Arc<Namespace>,
    pub forwarder: Resolver,
    pub rules: String,
}

impl NatBox {
    /// Turns a machine with both devices into the NAT box: it owns the aliases, translates them both ways,
    /// and counts the connections to each.
    pub fn new(
        run: &Run,
        namespace: Arc<Namespace>,
        servers: &[Server],
        start_forwarder: impl FnOnce(Arc<Namespace>) -> Result<Resolver>,
    ) -> Result<Self> {
        namespace.set("net/ipv4/ip_forward", "1")?;
        for server in servers {
            let alias = format!("{}/32", server.alias);
            namespace.run("ip", &["address", "add", &alias, "dev", CLIENTS_DEVICE])?;
        }
        let rules = rules(servers);
        let file = run.directory().join("nat.nft");
        fs::write(&file, &rules).with_context(|| format!("writing {}", file.display()))?;
        namespace.run("nft", &["-f", file.to_str().context("the path of the lab is not UTF-8")?])?;
        let forwarder = start_forwarder(Arc::clone(&namespace))?;
        Ok(Self { namespace, forwarder, rules })
    }

    /// How many connections to a server it has translated.
    pub fn connections(&self, server: &str) -> Result<u64> {
        let text = self.namespace.run("nft", &["--json", "list", "counter", "ip", "lab", server])?;
        let json: serde_json::Value = serde_json::from_str(&text).context("reading what nft printed")?;
        let counters = json["nftables"].as_array().into_iter().flatten();
        let packets = counters.filter_map(|entry| entry["counter"]["packets"].as_u64()).next();
        packets.with_context(|| format!("nft shows no counter {server}: {text}"))
    }
}

/// Only the first packet of a connection meets these chains, so the counters count connections.
fn rules(servers: &[Server]) -> String {
    let mut counters = String::new();
    let mut inward = String::new();
    let mut outward = String::new();
    for Server { name, alias, address, .. } in servers {
        let _ = writeln!(counters, "    counter {name} {{ }}");
        let _ = writeln!(inward, "        ip daddr {alias} counter name {name} dnat to {address}");
        let _ = writeln!(outward, "        oifname {CLIENTS_DEVICE} ip saddr {address} snat to {alias}");
    }
    format!(
        "table ip lab {{
{counters}    chain inward {{
        type nat hook prerouting priority dstnat
{inward}    }}
    chain outward {{
        type nat hook postrouting priority srcnat
{outward}        oifname {CLUSTER_DEVICE} masquerade
    }}
}}
"
    )
}
