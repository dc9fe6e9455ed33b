//! What changed of the servers and of the clusters' answers lately, and why; the shape of `tgdns history --json`.

use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::{
    cluster::Cluster,
    controller::roster::Roster,
    health::Change,
    remark::{Remark, Remarks},
    rules::Rules,
    status, table,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The oldest first.
    pub changes: Vec<ChangeTold>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeTold {
    /// RFC 3339, UTC.
    pub at: String,
    pub cluster: String,
    /// Where it is about the clients of one view.
    #[serde(default)]
    pub view: Option<String>,
    /// None where it is a cluster's change.
    pub server: Option<String>,
    /// What changed: `health`, `admin`, `reported`, `weight` or `probing` of a server, or `answers` of a cluster.
    pub what: String,
    /// Of health `up`, `down` or `unknown`; of admin and reported `ready`, `drain` or `maint`; a weight; of probing `probed`
    /// or `not probed`; of answers the rule that they are chosen by, as in `handed_out` of the status.
    pub from: String,
    pub to: String,
    pub cause: String,
}

impl History {
    /// `wall` is the clock's time at `now`.
    pub fn of(roster: &Roster, rules: &Rules, now: Instant, wall: SystemTime) -> Self {
        let mut changes = Vec::new();
        let told = |cluster: &str, server: Option<&str>, at: Instant, [what, from, to, cause]: [&str; 4]| {
            let at_clock = status::timestamp(wall - now.saturating_duration_since(at));
            let [what, from, to, cause] = [what, from, to, cause].map(str::to_owned);
            let (cluster, server) = (cluster.to_owned(), server.map(str::to_owned));
            (at, ChangeTold { at: at_clock, cluster, view: None, server, what, from, to, cause })
        };
        for (index, Cluster { name: cluster, servers, .. }) in roster.model().clusters.iter().enumerate() {
            let remark = |server, of: &Remark| {
                told(cluster, server, of.at, [of.subject.as_str(), &of.from, &of.to, &of.cause])
            };
            for (place, (server, health)) in servers.iter().zip(roster.health(index)).enumerate() {
                let server = Some(server.name.as_str());
                let verdict = |of: &Change| {
                    told(cluster, server, of.at, ["health", of.from.as_str(), of.to.as_str(), &of.cause])
                };
                changes.extend(health.changes().map(verdict));
                let remarks = roster.remarks(index, place).into_iter().flat_map(Remarks::iter);
                changes.extend(remarks.map(|of| remark(server, of)));
            }
            changes.extend(rules.remarks(cluster).map(|(view, of)| {
                let (at, change) = remark(None, of);
                (at, ChangeTold { view: view.map(str::to_owned), ..change })
            }));
        }
        // Stable: what happened together stays in the model's order.
        changes.sort_by_key(|(at, _)| *at);
        Self { changes: changes.into_iter().map(|(_, change)| change).collect() }
    }

    /// Of these servers alone, unless there are none.
    pub fn only(mut self, servers: &[String]) -> Self {
        let is_one = |server: &Option<String>| server.as_ref().is_some_and(|server| servers.contains(server));
        self.changes.retain(|change| servers.is_empty() || is_one(&change.server));
        self
    }
}

/// As text, for people.
pub fn render(history: &History) -> String {
    if history.changes.is_empty() {
        return "nothing has changed of any server\n".to_owned();
    }
    let header = ["TIME", "SERVER", "WHAT", "FROM", "TO", "CAUSE"].map(str::to_owned).to_vec();
    let row = |change: &ChangeTold| {
        let ChangeTold { at, cluster, view, server, what, from, to, cause } = change;
        let of_cluster = || view.as_ref().map_or(cluster.clone(), |view| format!("{cluster} to {view}"));
        let server = &server.clone().unwrap_or_else(of_cluster);
        [at, server, what, from, to, cause].map(String::clone).to_vec()
    };
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(history.changes.iter().map(row)).collect();
    table::render(0, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(server: &str, from: &str, to: &str, cause: &str) -> ChangeTold {
        let [at, cluster, server, what, from, to, cause] =
            ["1970-01-01T00:01:35.000Z", "internet.intern.netz", server, "health", from, to, cause]
                .map(str::to_owned);
        ChangeTold { at, cluster, view: None, server: Some(server), what, from, to, cause }
    }

    #[test]
    fn text() {
        let history = History {
            changes: vec![
                change("internet-1", "unknown", "up", "2 successes in a row"),
                change("internet-2", "up", "down", "connection refused (3 failures in a row)"),
            ],
        };
        let expected = "TIME                      SERVER      WHAT    FROM     TO    CAUSE\n\
                        1970-01-01T00:01:35.000Z  internet-1  health  unknown  up    2 successes in a row\n\
                        1970-01-01T00:01:35.000Z  internet-2  health  up       down  connection refused (3 failures in a row)\n";
        assert_eq!(render(&history), expected);
        let only = history.only(&["internet-2".to_owned()]);
        assert_eq!(only.changes.len(), 1);
        assert_eq!(render(&only.only(&["internet-9".to_owned()])), "nothing has changed of any server\n");
    }
}
