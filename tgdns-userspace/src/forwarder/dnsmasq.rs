//! dnsmasq.

use super::{File, Zone, concatenated};

const PATH: &str = "/etc/dnsmasq.d/tgdns.conf";

pub(super) fn files(zones: &[Zone]) -> Vec<File> {
    let lines = concatenated(zones, |Zone { name, servers, .. }| {
        let servers = concatenated(servers, |address| format!("server=/{name}/{address}\n"));
        format!("\n{servers}rebind-domain-ok=/{name}/\n")
    });
    let text = format!(
        "\
# {PATH}
# dnsmasq reads it by itself on Debian; elsewhere add to dnsmasq.conf
#     conf-file={PATH}
#
# No exception from DNSSEC is needed: dnsmasq does not validate what such servers answer, unless there is a
# trust-anchor for the zone. rebind-domain-ok matters where stop-dns-rebind is set.
#
# When a load balancer dies, dnsmasq asks the other one once its client asks again, which is after 5 s for most programs.
# The line all-servers makes it ask both at once, for all names.
{lines}"
    );
    vec![File { path: PATH, text, include: None }]
}
