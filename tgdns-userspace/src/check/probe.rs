//! How servers are probed, in words and as JSON.

mod kind;

use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::{Cluster, Probe, Server};

/// A line for each probe of a cluster, and one that says what several come to.
pub(super) fn lines(cluster: &Cluster) -> Vec<String> {
    let mut lines: Vec<String> = cluster.probes.iter().map(|probe| line(cluster, probe)).collect();
    if cluster.probes.len() > 1 {
        lines.push(format!("a server is up by {} of these", cluster.join.as_str()));
    }
    lines
}

fn line(cluster: &Cluster, probe: &Probe) -> String {
    let Probe { interval, fast_interval, slow_interval, timeout, rise, fall, .. } = probe;
    let [every, fast, slow, timeout] = [interval, fast_interval, slow_interval, timeout].map(written);
    let name = match cluster.probes.as_slice() {
        [_] => String::new(),
        _ => format!("{}: ", probe.name),
    };
    let port = if probe.port == 0 { String::new() } else { format!(" of port {}", probe.port) };
    let slow = if slow_interval == interval { String::new() } else { format!(", {slow} while down") };
    let asked = kind::in_words(&probe.kind).map(|words| format!(", {words},")).unwrap_or_default();
    format!(
        "{name}{} probe{port}{asked} every {every} ({fast} while changing{slow}), timeout {timeout}, {rise} up, {fall} down",
        probe.kind.as_str()
    )
}

/// Where the probes of a server go to, each place once.
pub(super) fn targets(server: &Server) -> Vec<String> {
    let mut targets: Vec<String> = Vec::new();
    for probe in &server.probes {
        let target = target(server, probe);
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    targets
}

/// Where a probe of a server goes to.
pub(crate) fn target(server: &Server, probe: &Probe) -> String {
    let address = server.probed(probe);
    if address.port() == 0 { address.ip().to_string() } else { address.to_string() }
}

/// A probe of a cluster.
pub(super) fn to_json(probe: &Probe) -> Value {
    let Probe {
        name, kind, port, interval, fast_interval, slow_interval, timeout, rise, fall, jitter, ..
    } = probe;
    let [interval, fast_interval, slow_interval, timeout] =
        [interval, fast_interval, slow_interval, timeout].map(written);
    let mut told = json!({
        "name": name,
        "type": kind.as_str(),
        "interval": interval,
        "fast_interval": fast_interval,
        "slow_interval": slow_interval,
        "timeout": timeout,
        "rise": rise,
        "fall": fall,
        "jitter": jitter,
    });
    if *port != 0 {
        told["port"] = json!(port);
    }
    if let (Value::Object(told), Value::Object(of_kind)) = (&mut told, kind::to_json(kind)) {
        told.extend(of_kind);
    }
    told
}

/// A probe of a server: the same, and where it goes to.
pub(super) fn of_server_to_json(server: &Server, probe: &Probe) -> Value {
    let mut told = to_json(probe);
    told["target"] = json!(target(server, probe));
    told["source"] = json!(probe.source);
    told
}

fn written(time: &Duration) -> String {
    humantime::format_duration(*time).to_string()
}
