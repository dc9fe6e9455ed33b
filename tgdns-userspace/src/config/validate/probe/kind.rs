//! What a probe asks: the keys that belong to its kind.

mod dns;
mod http;
mod tls;

use toml::Spanned;

use crate::{
    cluster::{ProbeKind, Tcp},
    config::{
        file,
        leaf::ProbeWord,
        mistakes::{Mistakes, Span},
    },
};

/// The kind, and its port; `cluster` is its name.
pub(super) fn kind(
    table: &file::Probe,
    places: &[Span],
    cluster: &str,
    mistakes: &mut Mistakes<'_>,
) -> (ProbeKind, u16) {
    let given = table.port.as_ref().and_then(|port| u16::try_from(port.get_ref().0).ok());
    let required = |mistakes: &mut Mistakes<'_>, advice: &str| {
        let kind_is_known = !places.iter().any(|at| mistakes.was_wrong(at, "type"));
        if let (None, Some(cluster), true) = (given, places.last(), kind_is_known)
            && !places.iter().any(|at| mistakes.was_wrong(at, "port"))
        {
            mistakes.add(cluster, format!("`port` is missing: {advice}"));
        }
        given.unwrap_or_default()
    };
    match word(table) {
        ProbeWord::Tcp => {
            let port = required(mistakes, "give the TCP port of the service, such as 443");
            (ProbeKind::Tcp(Tcp::default()), port)
        }
        ProbeWord::Http => {
            let http = http::http(table, places, cluster, |_, _| None, mistakes);
            (ProbeKind::Http(http), given.unwrap_or(80))
        }
        ProbeWord::Https => {
            let tls = |host: &str, mistakes: &mut Mistakes<'_>| Some(tls::tls(table, host, mistakes));
            let http = http::http(table, places, cluster, tls, mistakes);
            (ProbeKind::Http(http), given.unwrap_or(443))
        }
        ProbeWord::Tls => {
            let port = required(mistakes, "give the TCP port of the service, such as 443");
            (ProbeKind::Tls(tls::tls(table, cluster, mistakes)), port)
        }
        ProbeWord::Icmp => (ProbeKind::Icmp, 0),
        ProbeWord::Dns => (ProbeKind::Dns(dns::dns(table, places, mistakes)), given.unwrap_or(53)),
    }
}

/// A probe without a type is one of TCP.
pub(super) fn word(table: &file::Probe) -> ProbeWord {
    table.kind.as_ref().map_or(ProbeWord::Tcp, |kind: &Spanned<_>| *kind.get_ref())
}
