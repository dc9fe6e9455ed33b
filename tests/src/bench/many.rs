//! Configurations with many clusters, servers and views: as many as are wanted, or as the maps hold.

use std::{fmt::Write as _, net::Ipv4Addr};

use tgdns_common::tables::capacity;

use super::cable::{FIRST_SERVER, PORT};

/// Answer sets of a configuration: half of what the maps hold, so that the next one fits beside it.
pub const SETS: usize = (capacity::ANSWERS - 1) / 2;

/// The name of a cluster.
pub fn name(cluster: usize) -> String {
    format!("c{cluster}.intern.netz")
}

/// The address of a cluster's server, both counted from 0. The servers of a cluster are in one network of 256 addresses.
pub fn address(servers_each: usize, cluster: usize, server: usize) -> Ipv4Addr {
    let each = 254 / servers_each;
    let (network, host) = (cluster / each, cluster % each * servers_each + server + 1);
    Ipv4Addr::from(u32::from(FIRST_SERVER) + (network << 8 | host) as u32 - 1)
}

/// Clusters with as many servers each, which have an alias in each view. Probes are ten seconds apart, for all run on one machine.
pub fn configuration(clusters: usize, servers_each: usize, views: usize) -> String {
    let mut text = String::new();
    let mut say = |line: String| {
        text += &line;
        text.push('\n');
    };
    for view in 0..views {
        say(format!("[[view]]\nname = \"v{view}\"\nclients = [\"172.16.{view}.0/24\"]"));
    }
    for cluster in 0..clusters {
        say(format!(
            "[[cluster]]\nname = \"{}\"\nprobe = {{ type = \"tcp\", port = {PORT}, interval = \"10s\" }}\n\
             [[cluster.part]]\nfirst = \"{}\"\ncount = {servers_each}",
            name(cluster),
            address(servers_each, cluster, 0),
        ));
        if views > 0 {
            let mut aliases = String::new();
            for view in 0..views {
                let first = Ipv4Addr::new(11, view as u8, cluster as u8, 1);
                // Writing to a string does not fail.
                let _ = write!(aliases, "v{view} = \"{first}\", ");
            }
            say(format!("alias = {{ {} }}", aliases.trim_end_matches(", ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cluster_reaches_beyond_its_network() {
        let last = address(50, 4, 49).octets();
        assert_eq!((last[2], last[3]), (0, 250));
        assert_eq!(address(50, 5, 0).octets()[2..], [1, 1]);
    }
}
