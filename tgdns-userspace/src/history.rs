//! How the servers' health changed lately, and why; the shape of `tgdns history --json`.

use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::{controller::roster::Roster, status, table};

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
    pub server: String,
    /// `up`, `down` or `unknown`.
    pub from: String,
    pub to: String,
    pub cause: String,
}

impl History {
    /// `wall` is the clock's time at `now`.
    pub fn of(roster: &Roster, now: Instant, wall: SystemTime) -> Self {
        let mut changes = Vec::new();
        for (index, cluster) in roster.model().clusters.iter().enumerate() {
            for (server, health) in cluster.servers.iter().zip(roster.health(index)) {
                changes.extend(health.changes().map(|change| {
                    let told = ChangeTold {
                        at: status::timestamp(wall - now.saturating_duration_since(change.at)),
                        cluster: cluster.name.clone(),
                        server: server.name.clone(),
                        from: change.from.as_str().to_owned(),
                        to: change.to.as_str().to_owned(),
                        cause: change.cause.clone(),
                    };
                    (change.at, told)
                }));
            }
        }
        // Stable: what happened together stays in the model's order.
        changes.sort_by_key(|(at, _)| *at);
        Self { changes: changes.into_iter().map(|(_, change)| change).collect() }
    }

    /// Without the changes of other servers.
    pub fn only(mut self, servers: &[String]) -> Self {
        self.changes.retain(|change| servers.is_empty() || servers.contains(&change.server));
        self
    }
}

/// As text, for people.
pub fn render(history: &History) -> String {
    if history.changes.is_empty() {
        return "no server's health has changed\n".to_owned();
    }
    let header = ["TIME", "SERVER", "FROM", "TO", "CAUSE"].map(str::to_owned).to_vec();
    let row = |change: &ChangeTold| {
        [&change.at, &change.server, &change.from, &change.to, &change.cause].map(String::clone).to_vec()
    };
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(history.changes.iter().map(row)).collect();
    table::render(0, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(server: &str, from: &str, to: &str, cause: &str) -> ChangeTold {
        let [cluster, server, from, to, cause] =
            ["internet.intern.netz", server, from, to, cause].map(str::to_owned);
        ChangeTold { at: "1970-01-01T00:01:35.000Z".to_owned(), cluster, server, from, to, cause }
    }

    #[test]
    fn text() {
        let history = History {
            changes: vec![
                change("internet-1", "unknown", "up", "2 successes in a row"),
                change("internet-2", "up", "down", "connection refused (3 failures in a row)"),
            ],
        };
        let expected = "TIME                      SERVER      FROM     TO    CAUSE\n\
                        1970-01-01T00:01:35.000Z  internet-1  unknown  up    2 successes in a row\n\
                        1970-01-01T00:01:35.000Z  internet-2  up       down  connection refused (3 failures in a row)\n";
        assert_eq!(render(&history), expected);
        let only = history.only(&["internet-2".to_owned()]);
        assert_eq!(only.changes.len(), 1);
        assert_eq!(render(&only.only(&["internet-9".to_owned()])), "no server's health has changed\n");
    }
}
