//! systemd-resolved, without systemd and D-Bus.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};

use super::{Recipe, strings};
use crate::lab::program;

const LAB: &str = "/etc/systemd/resolved.conf.d/lab.conf";

/// Debian's does not validate; this one does. It drops root's powers itself, if it is given a user that exists.
pub(super) fn recipe(address: Ipv4Addr) -> Result<Recipe> {
    let lab = format!(
        "[Resolve]\nDNSSEC=yes\nDNSStubListenerExtra={address}\nMulticastDNS=no\nLLMNR=no\nFallbackDNS=\n"
    );
    let (program, libraries) = program::systemd_resolved()?;
    let program = program.to_str().context("a path is not UTF-8")?;
    let libraries = format!("LD_LIBRARY_PATH={}", libraries.display());
    let start = "\
mkdir /run/systemd /run/systemd/resolve
chown nobody /run/systemd/resolve
capabilities=+net_bind_service,+net_raw,+setpcap
exec setpriv --reuid nobody --clear-groups --inh-caps $capabilities --ambient-caps $capabilities --pdeathsig KILL \
env \"$@\"";
    Ok(Recipe {
        program: program::path("sh")?,
        arguments: strings(&["-euc", start, "sh", &libraries, program]),
        checker: None,
        files: vec![(LAB, lab)],
        empty: &["/run"],
        complaints: &["Unknown", "Failed to parse", "Invalid", "ignoring"],
    })
}
