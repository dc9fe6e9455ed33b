//! PowerDNS Recursor: the settings that all of 4.x read, and the YAML that 5.2 and newer read.

use super::{File, Include, Zone, concatenated, joined};

const SETTINGS: &str = "/etc/powerdns/recursor.d/tgdns.conf";
const LUA: &str = "/etc/powerdns/tgdns.lua";
const YAML: &str = "/etc/powerdns/recursor.d/tgdns.yml";

pub(super) fn files(zones: &[Zone]) -> Vec<File> {
    let zone = |zone: &Zone| format!("{}={}", zone.name, joined(&zone.servers, ";"));
    let list = zones.iter().map(zone).collect::<Vec<_>>().join(", ");
    let settings = format!(
        "\
# {SETTINGS}
# For versions before 5.2, which read it by themselves on Debian. Where another file sets forward-zones, write +=

forward-zones={list}
"
    );
    let exceptions = concatenated(zones, |zone| format!("addNTA('{}', 'tgdns does not sign')\n", zone.name));
    let lua = format!(
        "\
-- {LUA}
-- For versions before 5.2. At the end of /etc/powerdns/recursor.lua, which is the lua-config-file on Debian, add
--     dofile('{LUA}')

-- These zones are not signed. The recursor would take their answers for forged, and say SERVFAIL.
{exceptions}"
    );
    let yaml = format!(
        "\
# {YAML}
# For version 5.2 and newer, which read it by themselves on Debian, and not the two files above.

recursor:
  forward_zones:
{}
dnssec:
  negative_trustanchors:
{}",
        concatenated(zones, |zone| {
            let servers: Vec<_> = zone.servers.iter().map(|server| format!("'{server}'")).collect();
            format!("    - zone: '{}'\n      forwarders: [{}]\n", zone.name, servers.join(", "))
        }),
        concatenated(zones, |zone| {
            format!("    - name: '{}'\n      reason: 'tgdns does not sign'\n", zone.name)
        }),
    );
    let include =
        Some(Include { into: "/etc/powerdns/recursor.lua", line: "dofile('/etc/powerdns/tgdns.lua')" });
    vec![
        File { path: SETTINGS, text: settings, include: None },
        File { path: LUA, text: lua, include },
        File { path: YAML, text: yaml, include: None },
    ]
}
