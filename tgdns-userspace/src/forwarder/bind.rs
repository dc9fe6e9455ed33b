//! BIND 9.16 and newer.

use super::{File, Include, Style, Zone, concatenated};

const OPTIONS: &str = "/etc/bind/tgdns.options";
const ZONES: &str = "/etc/bind/tgdns.zones";

pub(super) fn files(style: Style, zones: &[Zone]) -> Vec<File> {
    let names = concatenated(zones, |zone| format!("    \"{}\";\n", zone.name));
    let options = format!(
        "\
// {OPTIONS}
// Inside options {{ … }}, which is in /etc/bind/named.conf.options on Debian, add
//     include \"{OPTIONS}\";

// These zones are not signed. BIND would take their answers for forged, and say SERVFAIL.
validate-except {{
{names}}};
"
    );
    let told = match style {
        Style::Forward => "",
        Style::Stub => {
            "// BIND asks these for SOA and NS first, over TCP: the load balancers need [dns] listen.\n"
        }
        Style::StaticStub => "// BIND asks these, whatever NS records the zone has.\n",
    };
    let blocks = concatenated(zones, |zone| block(style, zone));
    let text = format!(
        "\
// {ZONES}
// At the end of /etc/bind/named.conf.local (inside the view {{ … }}, where there are some) add
//     include \"{ZONES}\";
{told}{blocks}"
    );
    let include = |into, line| Some(Include { into, line });
    vec![
        File {
            path: OPTIONS,
            text: options,
            include: include("/etc/bind/named.conf.options", "include \"/etc/bind/tgdns.options\";"),
        },
        File {
            path: ZONES,
            text,
            include: include("/etc/bind/named.conf.local", "include \"/etc/bind/tgdns.zones\";"),
        },
    ]
}

/// Without `forwarders { }` a stub zone is asked of the forwarders in `options`, where there are some.
fn block(style: Style, zone: &Zone) -> String {
    let servers = concatenated(&zone.servers, |server| format!(" {server};"));
    let body = match style {
        Style::Forward => format!("type forward;\n    forward only;\n    forwarders {{{servers} }};"),
        Style::Stub => format!("type stub;\n    primaries {{{servers} }};\n    forwarders {{ }};"),
        Style::StaticStub => {
            format!("type static-stub;\n    server-addresses {{{servers} }};\n    forwarders {{ }};")
        }
    };
    format!("\nzone \"{}\" {{\n    {body}\n}};\n", zone.name)
}
