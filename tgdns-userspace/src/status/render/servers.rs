//! A cluster's servers as a table. Tiers and shares are shown where they differ.

use super::{duration, header};
use crate::status::ServerStatus;

/// Columns that are not always there come behind so many others.
const FIRST: usize = 5;

pub(super) fn rows(servers: &[ServerStatus]) -> Vec<Vec<String>> {
    let differ = |of: fn(&ServerStatus) -> f64| {
        let mut values = servers.iter().map(of);
        let first = values.next();
        values.any(|value| first.is_some_and(|first| (value - first).abs() > 1e-9))
    };
    let shares = |server: &ServerStatus| server.share;
    let with_tiers = differ(|server| server.tier.into());
    let with_shares =
        differ(|server| server.weight_hundredths.into()) || are_unequal(servers.iter().map(shares));
    let row = |mut row: Vec<String>, tier: String, weight: String, share: String| {
        let last = row.split_off(FIRST);
        row.extend([tier].into_iter().filter(|_| with_tiers));
        row.extend([weight, share].into_iter().filter(|_| with_shares));
        row.extend(last);
        row
    };
    let names = header(&["SERVER", "ADDRESS", "HEALTH", "ADMIN", "HANDED OUT", "SINCE", "CAUSE"]);
    let mut rows = vec![row(names, "TIER".to_owned(), "WEIGHT".to_owned(), "SHARE".to_owned())];
    rows.extend(servers.iter().map(|of| {
        row(
            server(of),
            of.tier.to_string(),
            (f64::from(of.weight_hundredths) / 100.0).to_string(),
            format!("{:.1}%", of.share * 100.0),
        )
    }));
    rows
}

/// Of those who are handed out at all.
fn are_unequal(shares: impl Iterator<Item = f64>) -> bool {
    let mut shares = shares.filter(|share| *share > 0.0);
    let first = shares.next();
    shares.any(|share| first.is_some_and(|first| (share - first).abs() > 1e-9))
}

fn server(server: &ServerStatus) -> Vec<String> {
    vec![
        server.name.clone(),
        server.address.to_string(),
        health(server),
        admin(server),
        handed_out(server),
        duration(server.since_seconds),
        server.cause.clone().unwrap_or_default(),
    ]
}

fn health(server: &ServerStatus) -> String {
    let is_old = server.probes.iter().any(|probe| probe.not_probed.is_some());
    let old = is_old.then(|| " (not probed)".to_owned());
    let from = || server.health_from.as_ref().map(|from| format!(" ({from})"));
    format!("{}{}", server.health, old.or_else(from).unwrap_or_default())
}

fn handed_out(server: &ServerStatus) -> String {
    let word = if server.handed_out { "yes" } else { "no" };
    server.reason.as_ref().map_or_else(|| word.to_owned(), |reason| format!("{word}: {reason}"))
}

fn admin(server: &ServerStatus) -> String {
    let until = server.admin_until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
    let reason = server.admin_reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let reported = match server.reported.as_str() {
        "ready" => String::new(),
        state => format!(", says {state}"),
    };
    format!("{}{until}{reason}{reported}", server.admin)
}
