//! Where clients are told the same server again and again.

use tgdns_common::tables::BUCKETS;

use crate::check::{policy, some_of};
use crate::cluster::Cluster;

pub(super) fn of_clients(cluster: &Cluster, (ipv4, ipv6): (u8, u8), warn: &mut impl FnMut(String)) {
    if ipv4 == 0 || ipv6 == 0 {
        warn(
            "a sticky prefix of 0 bits sends all clients of that family to one server: lengthen it"
                .to_owned(),
        );
    }
    warn(
        "select = \"sticky\" goes by who asks: behind a forwarder all clients have the forwarder's address, and so one \
         server; let clients ask the load balancers themselves, or set select = \"weighted\""
            .to_owned(),
    );
    let shares = policy::shares(cluster).into_iter().zip(policy::meant_shares(cluster));
    let odd = cluster.servers.iter().zip(shares).filter(|(_, (share, meant))| is_odd(*share, *meant));
    let odd: Vec<String> = odd
        .map(|(server, (share, meant))| {
            let [share, meant] = [share, meant].map(|share| share * 100.0);
            format!("{} {share:.1}% and not {meant:.1}%", server.name)
        })
        .collect();
    if !odd.is_empty() {
        warn(format!(
            "select = \"sticky\" shares clients out in {BUCKETS} buckets, which give {}: use fewer servers, weights that differ \
             less, or other names of servers",
            some_of(&odd)
        ));
    }
}

/// Whether a share is off by half of what it should be, or more.
fn is_odd(share: f64, meant: f64) -> bool {
    (share - meant).abs() > meant / 2.0
}
