//! The status as text, for people.

mod servers;

use std::{fmt::Display, time::Duration};

use super::{ClusterStatus, HandedOut, InterfaceStatus, Link, Process, ServerStatus, Status};
use crate::{probe::PaceStatus, selection::Rule, table};

pub fn render(status: &Status) -> String {
    let process = &status.process;
    let mut text = format!(
        "tgdns {}, pid {}, running for {}\n",
        process.version,
        process.pid,
        duration(process.uptime_seconds)
    );
    if let Some(error) = &process.publish_error {
        text.push_str(&format!("the tables are out of date: {error}\n"));
    }
    for note in &process.notes {
        text.push_str(&format!("{note}\n"));
    }
    text.push_str(&heartbeat(process));
    text.push_str(&pace(&process.probes));
    let mut rows: Vec<Vec<String>> = status.interfaces.iter().map(interface).collect();
    if !status.listen.is_empty() {
        rows.push(vec!["sockets".to_owned(), list(&status.listen)]);
    }
    text.push_str(&table::render(0, &rows));
    for of_cluster in &status.clusters {
        text.push('\n');
        text.push_str(&cluster(of_cluster));
    }
    text
}

fn heartbeat(process: &Process) -> String {
    let stale_after = humantime::format_duration(Duration::from_millis(process.stale_after_milliseconds));
    let last = match (process.heartbeat_age_milliseconds, &process.heartbeat_error) {
        (None, _) => "none yet".to_owned(),
        (Some(age), None) => format!("{:.1} s ago", age as f64 / 1000.0),
        (Some(_), Some(error)) => format!("NOT heard by the fast path: {error}"),
    };
    format!("heartbeat: {last}; after {stale_after} without one answers are stale ({})\n", process.when_stale)
}

fn pace(pace: &PaceStatus) -> String {
    let milliseconds = |microseconds: u64| microseconds as f64 / 1000.0;
    let hung = match pace.commands_hung {
        0 => String::new(),
        hung => format!("; commands that HANG though they were killed: {hung}"),
    };
    format!(
        "probes: {} started, on average {:.1} ms late and at most {:.1} ms; {} under way, at most {} of {}{hung}\n",
        pace.started,
        milliseconds(pace.mean_late_microseconds),
        milliseconds(pace.latest_microseconds),
        pace.under_way,
        pace.most_under_way,
        pace.probes_at_once
    )
}

fn interface(interface: &InterfaceStatus) -> Vec<String> {
    let Link { attached, carrier, problem } = &interface.link;
    let carrier = carrier.as_deref().filter(|carrier| *carrier != "up");
    let carrier = carrier.map_or(String::new(), |carrier| format!(", link {}", carrier.to_uppercase()));
    let state = match (interface.xdp_mode.as_str(), attached) {
        ("off", _) => "xdp off".to_owned(),
        (mode, true) => {
            format!("xdp {mode}, attached{carrier}, answers on {}", or_nothing(list(&interface.addresses)))
        }
        (mode, false) => {
            let problem = problem.as_ref().map_or(String::new(), |problem| format!(": {problem}"));
            format!("xdp {mode}, NOT attached{carrier}{problem}")
        }
    };
    vec![interface.name.clone(), state]
}

fn cluster(cluster: &ClusterStatus) -> String {
    let live = cluster.servers.iter().filter(|server| server.live).count();
    let of_cluster = rule(cluster.handed_out);
    let unproven = cluster.servers.iter().filter(|server| server.health == "unknown").count();
    let unproven = match unproven {
        0 => String::new(),
        _ => format!("{unproven} without a verdict, "),
    };
    let is_instead = !matches!(cluster.handed_out, HandedOut::Nothing | HandedOut::Live);
    let why = match live {
        _ if !is_instead => String::new(),
        0 => "as none is live, ".to_owned(),
        _ => format!("as fewer than {} are live, ", cluster.min_up),
    };
    let count = cluster.servers.len();
    let mut text = format!("{}: {live} of {count} servers live, {unproven}{why}{of_cluster}\n", cluster.name);
    if let Some((least, most)) = cluster.ttl_bounds {
        let ttl = cluster.ttl;
        text.push_str(&format!(
            "  ttl {ttl} s, the time to the next possible change ({least} to {most} s)\n"
        ));
    }
    text.push_str(&table::render(2, &servers::rows(&cluster.servers)));
    for ServerStatus { name, warnings, .. } in &cluster.servers {
        for warning in warnings {
            text.push_str(&format!("  warning: {name}: {warning}\n"));
        }
    }
    let told = |server: &&ServerStatus| server.probes.len() > 1;
    if cluster.servers.iter().any(|server| told(&server)) {
        let mut probes = vec![header(&["SERVER", "PROBE", "TARGET", "HEALTH", "LAST"])];
        probes.extend(cluster.servers.iter().filter(told).flat_map(probe_rows));
        text.push_str(&table::render(2, &probes));
    }
    let mut answers = vec![header(&["VIEW", "ANSWER"])];
    answers.extend(cluster.answers.iter().map(|answer| {
        let addresses = or_nothing(list(&answer.addresses));
        let is_instead = !matches!(answer.handed_out, HandedOut::Nothing | HandedOut::Live);
        let rule = (is_instead && answer.handed_out != cluster.handed_out)
            .then(|| format!(" (it is shown no live server: {})", rule(answer.handed_out)));
        let rule = rule.unwrap_or_default();
        vec![answer.view.clone(), format!("{addresses}{rule}")]
    }));
    text.push_str(&table::render(2, &answers));
    text
}

fn rule(rule: HandedOut) -> &'static str {
    match rule {
        HandedOut::Nothing => "nothing is handed out before the first round of probes has ended",
        HandedOut::Live => "the live ones are handed out",
        HandedOut::All => "servers are handed out whatever their health",
        HandedOut::Last => Rule::Last.as_str(),
        HandedOut::Servfail => Rule::Servfail.as_str(),
        HandedOut::Refused => Rule::Refused.as_str(),
        HandedOut::NoData => Rule::NoData.as_str(),
        HandedOut::Addresses => Rule::Addresses.as_str(),
    }
}

fn probe_rows(server: &ServerStatus) -> impl Iterator<Item = Vec<String>> {
    server.probes.iter().map(|probe| {
        let last = match (&probe.not_probed, &probe.failure, probe.took_microseconds) {
            (Some(cause), ..) => format!("not probed: {cause}"),
            (None, Some(failure), _) => failure.clone(),
            (None, None, Some(took)) => {
                format!("well after {}", humantime::format_duration(Duration::from_micros(took)))
            }
            (None, None, None) => "none yet".to_owned(),
        };
        vec![server.name.clone(), probe.name.clone(), probe.target.clone(), probe.health.clone(), last]
    })
}

fn header(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn list(items: &[impl Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn or_nothing(text: String) -> String {
    if text.is_empty() { "nothing".to_owned() } else { text }
}

/// The two largest units say enough.
fn duration(seconds: u64) -> String {
    let whole = humantime::format_duration(Duration::from_secs(seconds)).to_string();
    whole.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_to_two_units() {
        for (seconds, expected) in [(0, "0s"), (59, "59s"), (3_723, "1h 2m"), (90_061, "1day 1h")] {
            assert_eq!(duration(seconds), expected);
        }
    }
}
