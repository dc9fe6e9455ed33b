//! What a probe asks: the keys that belong to its kind.

use toml::Spanned;

use crate::{
    cluster::{ProbeKind, Tcp},
    config::{
        file,
        leaf::ProbeWord,
        mistakes::{Mistakes, Span},
    },
};

/// The kind, and its port.
pub(super) fn kind(table: &file::Probe, places: &[Span], mistakes: &mut Mistakes<'_>) -> (ProbeKind, u16) {
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
    }
}

/// A probe without a type is one of TCP.
pub(super) fn word(table: &file::Probe) -> ProbeWord {
    table.kind.as_ref().map_or(ProbeWord::Tcp, |kind: &Spanned<_>| *kind.get_ref())
}
