//! Windows Server's DNS, told by PowerShell.

use super::{File, Style, Zone, concatenated, joined};

const PATH: &str = "tgdns.ps1";

pub(super) fn files(style: Style, zones: &[Zone]) -> Vec<File> {
    let told = match style {
        Style::Forward => {
            "\
# Without -UseRecursion it never looks elsewhere for these zones. Where several domain controllers are to have it, add
# -ReplicationScope Domain, and run it on one of them.
"
        }
        Style::Stub | Style::StaticStub => {
            "\
# It loads SOA, NS and the name servers' addresses over TCP: the load balancers need [dns] listen. Where several domain
# controllers are to have it, put -ReplicationScope Domain in the place of -ZoneFile, and run it on one of them.
"
        }
    };
    let commands = concatenated(zones, |Zone { name, servers, .. }| {
        let servers = joined(servers, ",");
        match style {
            Style::Forward => format!(
                "Add-DnsServerConditionalForwarderZone -Name \"{name}\" -MasterServers {servers} -ForwarderTimeout 2\n"
            ),
            Style::Stub | Style::StaticStub => format!(
                "Add-DnsServerStubZone -Name \"{name}\" -MasterServers {servers} -ZoneFile \"{name}.dns\"\n"
            ),
        }
    });
    let text = format!(
        "\
# {PATH}
# On the DNS server, in a PowerShell of an administrator.
{told}
{commands}
# What it found before, it would keep: that there is no such name for up to 15 minutes (Get-DnsServerCache, MaxNegativeTtl).
Clear-DnsServerCache -Force

# It knows no exception from DNSSEC: a zone below one of its trust anchors (Get-DnsServerTrustAnchor) must be delegated
# there as an unsigned one.
"
    );
    vec![File { path: PATH, text, include: None }]
}
