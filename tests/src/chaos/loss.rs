//! Packets are lost, by nftables: not every kernel has netem.

use std::{net::IpAddr, thread, time::Duration};

use anyhow::Result;

use super::faults::Chaos;

impl Chaos<'_> {
    /// Loses a third of a load balancer's packets: of its probes', where it gets them (queries are answered before nftables sees them),
    /// and of its answers, where who asks gets them.
    pub(super) fn lose_packets(&self, balancer: usize, time: Duration) -> Result<()> {
        let load_balancer = &self.scene.load_balancers[balancer];
        let places = [
            (load_balancer.namespace.as_ref(), String::new()),
            (self.scene.asker(), from(load_balancer.address.ip())),
        ];
        for (namespace, which) in &places {
            namespace.run(
                "nft",
                &[&format!(
                    "table inet chaos {{ chain input {{ type filter hook input priority 0; \
                 {which} numgen random mod 3 == 0 drop; }}; }}"
                )],
            )?;
        }
        thread::sleep(time);
        places
            .iter()
            .try_for_each(|(namespace, _)| namespace.run("nft", &["delete table inet chaos"]).map(drop))
    }
}

fn from(address: IpAddr) -> String {
    format!("ip saddr {address}")
}
