//! Room for all descriptors that the process may need, so that clients cannot take those of the probes.

use anyhow::{Result, bail};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::cluster::Model;

/// Sockets, maps, links, the log, clients of the control socket.
const OTHERS: u64 = 256;

/// Raises the process's limit as far as this configuration needs.
///
/// # Errors
/// The hard limit is lower and may not be raised.
pub(super) fn make_room(model: &Model) -> Result<()> {
    let needed = needed(model);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if needed <= soft {
        return Ok(());
    }
    // Beyond the hard limit only with the capability CAP_SYS_RESOURCE.
    if setrlimit(Resource::RLIMIT_NOFILE, needed, hard.max(needed)).is_err() {
        bail!(
            "{needed} open files are needed, most of them for TCP connections, and {hard} are allowed: raise the limit \
             (systemd: LimitNOFILE={needed}), or lower dns.tcp_connections ({})",
            model.tcp.connections
        );
    }
    Ok(())
}

fn needed(model: &Model) -> u64 {
    let connections = if model.listen.is_empty() { 0 } else { u64::from(model.tcp.connections) };
    // A verdict's worth of each probe may be under way, and a command has two pipes and a process.
    let probes = model.clusters.iter().flat_map(|cluster| &cluster.servers).flat_map(|server| &server.probes);
    let wanted: u64 = probes.map(|probe| u64::from(probe.rise.max(probe.fall))).sum();
    let probes =
        wanted.min(model.probes.at_once.into()) + 3 * wanted.min(model.probes.commands_at_once.into());
    connections + probes + OTHERS
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::config;

    const CONFIG: &str = r#"
        xdp_mode = "off"
        [dns]
        listen = ["127.0.0.1:53"]
        tcp_connections = 5000
        [[cluster]]
        name = "internet.intern.netz"
        probe.port = 443
        part = [{ first = "10.10.10.100", count = 3 }]
    "#;

    #[test]
    fn descriptors_for_connections_and_probes() {
        let mut model = config::parse(CONFIG, "F").unwrap();
        assert_eq!(needed(&model), 5000 + 9 + 27 + OTHERS);
        make_room(&model).unwrap();
        assert!(getrlimit(Resource::RLIMIT_NOFILE).unwrap().0 >= 5000);
        model.listen.clear();
        assert_eq!(needed(&model), 9 + 27 + OTHERS);
    }
}
