//! systemd-resolved.

use super::{File, Zone, concatenated, joined, servers_of_all};

const SETTINGS: &str = "/etc/systemd/resolved.conf.d/tgdns.conf";
const EXCEPTIONS: &str = "/etc/dnssec-trust-anchors.d/tgdns.negative";
/// What systemd-resolved does not validate while no file says anything else.
const BUILT_IN: &str = "\
home.arpa 10.in-addr.arpa 16.172.in-addr.arpa 17.172.in-addr.arpa 18.172.in-addr.arpa 19.172.in-addr.arpa \
20.172.in-addr.arpa 21.172.in-addr.arpa 22.172.in-addr.arpa 23.172.in-addr.arpa 24.172.in-addr.arpa \
25.172.in-addr.arpa 26.172.in-addr.arpa 27.172.in-addr.arpa 28.172.in-addr.arpa 29.172.in-addr.arpa \
30.172.in-addr.arpa 31.172.in-addr.arpa 170.0.0.192.in-addr.arpa 171.0.0.192.in-addr.arpa \
168.192.in-addr.arpa d.f.ip6.arpa ipv4only.arpa corp home internal intranet lan local private test";

pub(super) fn files(zones: &[Zone]) -> Vec<File> {
    let servers = joined(&servers_of_all(zones), " ");
    let domains = zones.iter().map(|zone| format!("~{}", zone.name)).collect::<Vec<_>>().join(" ");
    let settings = format!(
        "\
# {SETTINGS}
# All other names must be asked of DNS servers that belong to an interface (DHCP, systemd-networkd, NetworkManager), one
# of which has the domain ~. or is the default route. Other DNS= lines of resolved.conf would be asked for these zones.

[Resolve]
DNS={servers}
Domains={domains}
"
    );
    let names = concatenated(zones, |zone| format!("{}\n", zone.name));
    let built_in: String = BUILT_IN.split(' ').map(|name| format!("{name}\n")).collect();
    let exceptions = format!(
        "\
; {EXCEPTIONS}
; Matters where DNSSEC= is yes or allow-downgrade: these zones are not signed.
{names}
; One such file replaces the built-in list, which is this.
{built_in}"
    );
    vec![
        File { path: SETTINGS, text: settings, include: None },
        File { path: EXCEPTIONS, text: exceptions, include: None },
    ]
}
