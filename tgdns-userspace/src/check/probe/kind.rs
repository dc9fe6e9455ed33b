//! What a probe asks and wants, which depends on its kind.

mod conversation;

use serde_json::{Map, Value, json};

use crate::cluster::{Dns, Http, Pattern, ProbeKind, Tls, Trust, rcode_as_text};

/// None where the kind says it all.
pub(super) fn in_words(kind: &ProbeKind) -> Option<String> {
    match kind {
        ProbeKind::Icmp => None,
        ProbeKind::Http(http) => Some(http_in_words(http)),
        ProbeKind::Tls(tls) => Some(tls_in_words(tls)),
        ProbeKind::Dns(dns) => Some(dns_in_words(dns)),
        ProbeKind::Tcp(tcp) => conversation::tcp_in_words(tcp),
        ProbeKind::Exec(exec) => Some(exec.command.join(" ")),
        ProbeKind::File(file) => Some(file.path.clone()),
        ProbeKind::Agent(agent) => conversation::sending(&agent.send),
    }
}

/// A table with the keys that belong to the kind.
pub(super) fn to_json(kind: &ProbeKind) -> Value {
    match kind {
        ProbeKind::Icmp => json!({}),
        ProbeKind::Http(http) => http_to_json(http),
        ProbeKind::Tls(tls) => tls_to_json(tls),
        ProbeKind::Dns(dns) => dns_to_json(dns),
        ProbeKind::Tcp(tcp) => conversation::tcp_to_json(tcp),
        ProbeKind::Exec(exec) => json!({ "command": exec.command }),
        ProbeKind::File(file) => json!({ "file": file.path }),
        ProbeKind::Agent(agent) => json!({ "send": conversation::written(&agent.send) }),
    }
}

fn http_in_words(http: &Http) -> String {
    let Http { method, path, status, .. } = http;
    let host = String::from_utf8_lossy(http.host.as_bytes());
    let body = http.body.as_ref().map(|body| format!(" and a body with {body}")).unwrap_or_default();
    let tls = http.tls.as_ref().map(|tls| format!(", {}", tls_in_words(tls))).unwrap_or_default();
    format!("{method} {path} of {host}, wanting status {status}{body}{tls}")
}

fn tls_in_words(tls: &Tls) -> String {
    let name = tls.server_name.to_str();
    match &tls.trust {
        Trust::System => format!("certificate for {name} by a CA that this host trusts"),
        Trust::Authorities { file, .. } => format!("certificate for {name} by a CA of {}", file.display()),
        Trust::Anybody => format!("any certificate, asking for {name}"),
    }
}

fn dns_in_words(dns: &Dns) -> String {
    let Dns { name, record_type, transport, address, .. } = dns;
    let address = address.map(|address| format!(" and {address}")).unwrap_or_default();
    format!("{name} {record_type} over {}, wanting {}{address}", transport.as_str(), dns.rcodes_as_text())
}

fn http_to_json(http: &Http) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers: Map<String, Value> =
        http.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()).into())).collect();
    let mut told = json!({
        "method": http.method.as_str(),
        "path": http.path.to_string(),
        "host": text(http.host.as_bytes()),
        "headers": headers,
        "status": http.status.to_string(),
        "body": match &http.body {
            None => Value::Null,
            Some(Pattern::Text(text)) => json!(text),
            Some(Pattern::Regex(regex)) => json!({ "regex": regex.0.as_str() }),
        },
    });
    if let (Value::Object(told), Some(Value::Object(tls))) = (&mut told, http.tls.as_ref().map(tls_to_json)) {
        told.extend(tls);
    }
    told
}

fn tls_to_json(tls: &Tls) -> Value {
    json!({
        "server_name": tls.server_name.to_str(),
        "verify": tls.trust != Trust::Anybody,
        "ca": match &tls.trust {
            Trust::Authorities { file, .. } => Some(file),
            Trust::System | Trust::Anybody => None,
        },
        "expiry_warning": humantime::format_duration(tls.expiry_warning).to_string(),
    })
}

fn dns_to_json(dns: &Dns) -> Value {
    json!({
        "query": dns.name.to_string(),
        "query_type": dns.record_type.to_string(),
        "transport": dns.transport.as_str(),
        "rcode": dns.rcodes.iter().map(|rcode| rcode_as_text(*rcode)).collect::<Vec<_>>(),
        "expect_address": dns.address,
    })
}
