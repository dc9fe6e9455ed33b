//! What a DNS server asks the load balancers: counted, and stopped, where it leaves its machine.

use std::{collections::BTreeMap, fmt::Write as _, net::Ipv4Addr, sync::Arc};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::namespace::Namespace;

pub struct Upstream {
    namespace: Arc<Namespace>,
    load_balancers: usize,
}

/// How often each load balancer was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    pub udp: Vec<u64>,
    /// Segments that push data; each of them is a query, unless several are sent at once.
    pub tcp: Vec<u64>,
}

impl Upstream {
    /// Begins to count.
    pub fn watch(namespace: Arc<Namespace>, load_balancers: &[Ipv4Addr]) -> Result<Self> {
        let mut rules = String::from(
            "add table ip upstream; add chain ip upstream out { type filter hook output priority filter; }",
        );
        for (index, address) in load_balancers.iter().enumerate() {
            for (transport, queries) in [("udp", ""), ("tcp", "tcp flags & psh == psh")] {
                let _ = write!(
                    rules,
                    "; add counter ip upstream {transport}{index}; add rule ip upstream out ip daddr {address} \
                     {transport} dport 53 {queries} counter name {transport}{index}"
                );
            }
        }
        namespace.run("nft", &[&rules])?;
        Ok(Self { namespace, load_balancers: load_balancers.len() })
    }

    pub fn count(&self) -> Result<Count> {
        let text = self.namespace.run("nft", &["--json", "list", "counters", "table", "ip", "upstream"])?;
        let json: Value = serde_json::from_str(&text).context("reading what nft printed")?;
        let entries = json["nftables"].as_array().into_iter().flatten();
        let counters: BTreeMap<&str, u64> = entries
            .filter_map(|entry| {
                Some((entry["counter"]["name"].as_str()?, entry["counter"]["packets"].as_u64()?))
            })
            .collect();
        let of = |transport: &str| {
            let names = (0..self.load_balancers).map(|index| format!("{transport}{index}"));
            let count = |name: String| counters.get(name.as_str()).copied().context("a counter is missing");
            names.map(count).collect::<Result<Vec<_>>>()
        };
        Ok(Count { udp: of("udp")?, tcp: of("tcp")? })
    }

    /// From here on nothing gets through.
    pub fn stop(&self) -> Result<()> {
        self.namespace
            .run("nft", &["add rule ip upstream out meta l4proto { tcp, udp } th dport 53 drop"])
            .map(drop)
    }
}

impl Count {
    /// What was asked since an earlier count.
    pub fn since(&self, earlier: &Self) -> Self {
        let less = |now: &[u64], then: &[u64]| now.iter().zip(then).map(|(now, then)| now - then).collect();
        Self { udp: less(&self.udp, &earlier.udp), tcp: less(&self.tcp, &earlier.tcp) }
    }
}
