//! Unbound.

use super::{File, Style, Zone, concatenated};

const PATH: &str = "/etc/unbound/unbound.conf.d/tgdns.conf";
/// Unbound answers for these itself, and denies what is below them (RFC 6761, RFC 7686, RFC 8375).
const LOCAL: [&str; 5] = ["localhost", "test", "invalid", "onion", "home.arpa"];

pub(super) fn files(style: Style, zones: &[Zone]) -> Vec<File> {
    let exceptions = concatenated(zones, |Zone { name, .. }| {
        let ends_with =
            |local: &str| name.strip_suffix(local).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let transparent = match LOCAL.into_iter().any(ends_with) {
            true => format!("    local-zone: \"{name}\" transparent\n"),
            false => String::new(),
        };
        format!("    domain-insecure: \"{name}\"\n    private-domain: \"{name}\"\n{transparent}")
    });
    let (clause, server) = match style {
        Style::Forward => ("forward-zone", "forward-addr"),
        Style::Stub | Style::StaticStub => ("stub-zone", "stub-addr"),
    };
    let clauses = concatenated(zones, |zone| {
        let servers = concatenated(&zone.servers, |address| format!("    {server}: {address}\n"));
        format!("\n{clause}:\n    name: \"{}\"\n{servers}", zone.name)
    });
    let text = format!(
        "\
# {PATH}
# Unbound reads it by itself on Debian; elsewhere add to unbound.conf
#     include-toplevel: \"{PATH}\"

server:
    # These zones are not signed, and their addresses may be private ones.
{exceptions}{clauses}"
    );
    vec![File { path: PATH, text, include: None }]
}
