//! What is told of servers' changes: a line in the log with the facts as fields, and the hooks.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use super::Controller;
use crate::{
    admin::{AdminState, Admins, Said},
    cluster::{Cluster, Occasion, Server},
    health::{Change, Health},
    hook::Fact,
    responder::unix_seconds,
    status,
};

/// A new verdict, and on whom.
pub(super) struct HealthChange {
    pub(super) cluster: String,
    pub(super) server: String,
    pub(super) address: IpAddr,
    pub(super) change: Change,
    /// How long the last one held; nothing where there was none.
    pub(super) after: Option<Duration>,
}

impl Controller {
    pub(super) fn tell_health_change(&self, changed: HealthChange) {
        let HealthChange { cluster, server, address, change, after } = changed;
        let after_seconds = after.map(|after| after.as_secs());
        tracing::info!(
            cluster,
            server,
            address = %address,
            from = change.from.as_str(),
            to = change.to.as_str(),
            cause = change.cause,
            after_seconds,
            "health changed"
        );
        self.hooks.tell(Fact {
            event: match change.to {
                Health::Up => Occasion::Up,
                Health::Down => Occasion::Down,
                Health::Unknown => Occasion::Unknown,
            },
            cluster,
            server,
            address: address.to_string(),
            from: change.from.as_str().to_owned(),
            to: change.to.as_str().to_owned(),
            cause: Some(change.cause),
            until: None,
            after_seconds,
            at: status::timestamp(SystemTime::now()),
        });
    }

    /// What differs from what people have said up to now.
    pub(super) fn tell_admin_changes(&self, admins: &Admins) {
        let now = unix_seconds().into();
        for cluster in &self.roster.model().clusters {
            for server in &cluster.servers {
                let before = self.roster.admins().said(&server.name, now);
                let after = admins.said(&server.name, now);
                if before != after {
                    let cause = after.and_then(|said| said.reason.clone());
                    self.tell_admin_change(cluster, server, before, after, cause);
                }
            }
        }
    }

    /// Admin states that end by themselves.
    pub(super) fn tell_admin_ends(&self, unix_seconds: u64) {
        for (cluster, server, ended) in self.roster.ended(unix_seconds) {
            let cause = format!("the time of {} is up", ended.state);
            self.tell_admin_change(cluster, server, Some(ended), None, Some(cause));
        }
    }

    fn tell_admin_change(
        &self,
        cluster: &Cluster,
        server: &Server,
        before: Option<&Said>,
        after: Option<&Said>,
        cause: Option<String>,
    ) {
        let [from, to] = [before, after].map(|said| said.map_or(AdminState::Ready, |said| said.state));
        let until = after.and_then(|said| said.until).map(status::unix_timestamp);
        let after_seconds = before.map(|said| u64::from(unix_seconds()).saturating_sub(said.since));
        tracing::info!(
            cluster = cluster.name,
            server = server.name,
            address = %server.address,
            from = %from,
            to = %to,
            cause,
            until,
            after_seconds,
            "admin state changed"
        );
        if from == to {
            return;
        }
        self.hooks.tell(Fact {
            event: match to {
                AdminState::Ready => Occasion::Ready,
                AdminState::Drain => Occasion::Drain,
                AdminState::Maint => Occasion::Maint,
            },
            cluster: cluster.name.clone(),
            server: server.name.clone(),
            address: server.address.to_string(),
            from: from.to_string(),
            to: to.to_string(),
            cause,
            until,
            after_seconds,
            at: status::timestamp(SystemTime::now()),
        });
    }
}
