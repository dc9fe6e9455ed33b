//! Knot Resolver 5.

use super::{File, Include, Style, Zone, concatenated};

const PATH: &str = "/etc/knot-resolver/tgdns.lua";
/// Seconds: what Knot Resolver raises shorter TTLs to, unless told.
const LEAST_TTL: u32 = 5;

pub(super) fn files(style: Style, zones: &[Zone]) -> Vec<File> {
    let action = match style {
        Style::Forward => "FORWARD",
        Style::Stub | Style::StaticStub => "STUB",
    };
    let names = concatenated(zones, |zone| format!("    '{}',\n", zone.name));
    let policies = concatenated(zones, |Zone { name, servers, .. }| {
        let servers: Vec<_> = servers.iter().map(|server| format!("'{server}'")).collect();
        let servers = servers.join(", ");
        format!("policy.add(policy.suffix(policy.{action}({{ {servers} }}), {{ todname('{name}') }}))\n")
    });
    let shortest = zones.iter().map(|zone| zone.ttl).min().unwrap_or(LEAST_TTL);
    let least_ttl = match shortest {
        ttl if ttl < LEAST_TTL => {
            format!(
                "\n-- Shorter TTLs are raised to {LEAST_TTL} s by default, which keeps dead servers for as long.\n\
                 cache.min_ttl({ttl})\n"
            )
        }
        _ => String::new(),
    };
    let text = format!(
        "\
-- {PATH}
-- At the end of /etc/knot-resolver/kresd.conf, but before policies for all names, add
--     dofile('{PATH}')
-- The module predict, which Debian's file loads, asks the load balancers anew for each query that the cache answers: all that
-- is kept for 5 s or less expires soon to it. They don't mind; modules.unload('predict') ends it.

-- These zones are not signed. Knot Resolver would take their answers for forged, and say SERVFAIL.
trust_anchors.set_insecure({{
{names}}})
{least_ttl}
{policies}"
    );
    let include = Some(Include {
        into: "/etc/knot-resolver/kresd.conf",
        line: "dofile('/etc/knot-resolver/tgdns.lua')",
    });
    vec![File { path: PATH, text, include }]
}
