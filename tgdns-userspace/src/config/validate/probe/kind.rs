//! What a probe asks: the keys that belong to its kind.

mod dns;
mod http;
mod tls;

use toml::Spanned;

use crate::{
    cluster::{Agent, Exec, File, ProbeKind, Tcp},
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
        if given.is_none() {
            missing("port", advice, places, mistakes);
        }
        given.unwrap_or_default()
    };
    let send = table.send.as_ref().map(|bytes| bytes.get_ref().0.clone()).unwrap_or_default();
    match word(table) {
        ProbeWord::Tcp => {
            let port = required(mistakes, "give the TCP port of the service, such as 443");
            let expect = table.expect.as_ref().map(|expect| expect.get_ref().0.clone());
            (ProbeKind::Tcp(Tcp { send, expect }), port)
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
        ProbeWord::Exec => {
            if table.command.is_none() {
                let advice = "give the program's absolute path and its arguments, in a list";
                missing("command", advice, places, mistakes);
            }
            let command = table.command.as_ref().map(|command| command.get_ref().0.clone());
            (ProbeKind::Exec(Exec { command: command.unwrap_or_default() }), given.unwrap_or_default())
        }
        ProbeWord::File => {
            if table.file.is_none() {
                let advice = "give the path of the state file, such as \"/run/tgdns/{server}\"";
                missing("file", advice, places, mistakes);
            }
            let path = table.file.as_ref().map(|file| file.get_ref().0.display().to_string());
            (ProbeKind::File(File { path: path.unwrap_or_default() }), 0)
        }
        ProbeWord::Agent => {
            let port = required(mistakes, "give the TCP port of the agent");
            (ProbeKind::Agent(Agent { send }), port)
        }
    }
}

/// A key that the kind needs, unless it was there and wrong.
fn missing(key: &str, advice: &str, places: &[Span], mistakes: &mut Mistakes<'_>) {
    let was_wrong = |key| places.iter().any(|at| mistakes.was_wrong(at, key));
    if let (Some(cluster), false) = (places.last(), was_wrong("type") || was_wrong(key)) {
        mistakes.add(cluster, format!("`{key}` is missing: {advice}"));
    }
}

/// A probe without a type is one of TCP.
pub(super) fn word(table: &file::Probe) -> ProbeWord {
    table.kind.as_ref().map_or(ProbeWord::Tcp, |kind: &Spanned<_>| *kind.get_ref())
}
