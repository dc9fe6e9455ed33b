//! Unbound.

use std::net::Ipv4Addr;

use anyhow::Result;

use super::{Recipe, strings};
use crate::lab::program;

const LAB: &str = "/etc/unbound/unbound.conf.d/lab.conf";
/// Debian's has the key where Unbound may follow its changes, of which there are none here.
const ROOT: (&str, &str) = (
    "/etc/unbound/unbound.conf.d/root-auto-trust-anchor-file.conf",
    "server:\n    trust-anchor-file: /usr/share/dns/root.key\n",
);

/// It mixes the case of the names that it asks for, and refuses answers that don't keep it.
pub(super) fn recipe(address: Ipv4Addr) -> Result<Recipe> {
    let lab = format!(
        "\
server:
    interface: {address}
    access-control: 0.0.0.0/0 allow
    use-caps-for-id: yes
    do-daemonize: no
    use-syslog: no
    chroot: \"\"
    username: \"\"
    pidfile: \"\"
"
    );
    Ok(Recipe {
        program: program::path("unbound")?,
        arguments: strings(&["-d", "-p", "-c", "/etc/unbound/unbound.conf"]),
        checker: Some(("unbound-checkconf", strings(&["/etc/unbound/unbound.conf"]))),
        files: vec![(LAB, lab), (ROOT.0, ROOT.1.to_owned())],
        empty: &["/run"],
        complaints: &[],
    })
}
