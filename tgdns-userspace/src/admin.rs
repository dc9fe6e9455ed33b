//! What people said of servers, kept apart from what probes find: pure.

use std::{collections::BTreeMap, fmt};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::last_run;

pub mod file;

/// Seconds for which it is kept that work on a server ended, and why it is ready: what was found before is believed no longer
/// than that, and by then it has been told.
const KEPT: u64 = last_run::file::FRESH / 1000 + 1;

/// Whether a person wants a server to be handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum AdminState {
    /// As its health says.
    #[default]
    Ready,
    /// To no new clients; it is probed on.
    Drain,
    /// To nobody, and not probed: it is being worked on.
    Maint,
}

impl AdminState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Drain => "drain",
            Self::Maint => "maint",
        }
    }
}

impl fmt::Display for AdminState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What was said last of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    pub state: AdminState,
    pub reason: Option<String>,
    /// Seconds since 1970.
    pub since: u64,
    /// From then on the server is ready; seconds since 1970.
    pub until: Option<u64>,
}

/// By the servers' names; who is ready is not listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admins {
    servers: BTreeMap<String, Said>,
    /// When the work on a server ended of which nothing of that is said any more, in seconds since 1970.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    worked_on: BTreeMap<String, u64>,
    /// Of which servers people said last that they are ready, and gave a reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    ready: BTreeMap<String, Said>,
}

impl Admins {
    pub fn set(&mut self, server: &str, said: Said) {
        let is_worked_on = self.servers.get(server).is_some_and(|before| before.state == AdminState::Maint);
        if is_worked_on && said.state != AdminState::Maint {
            self.worked_on.insert(server.to_owned(), said.since);
        }
        self.ready.remove(server);
        match said.state {
            AdminState::Ready => {
                self.servers.remove(server);
                if said.reason.is_some() {
                    self.ready.insert(server.to_owned(), said);
                }
            }
            AdminState::Drain | AdminState::Maint => drop(self.servers.insert(server.to_owned(), said)),
        }
    }

    /// Why people said that a server is ready, where that is what they said last, and not long ago.
    pub fn ready_reason(&self, server: &str) -> Option<&str> {
        self.ready.get(server)?.reason.as_deref()
    }

    /// What holds at a time, in seconds since 1970; nothing for a server that is ready.
    pub fn said(&self, server: &str, now: u64) -> Option<&Said> {
        self.servers.get(server).filter(|said| said.until.is_none_or(|until| now < until))
    }

    /// What was said last, whether it holds still or not; nothing of a server that people said to be ready.
    pub fn said_last(&self, server: &str) -> Option<&Said> {
        self.servers.get(server)
    }

    pub fn state(&self, server: &str, now: u64) -> AdminState {
        self.said(server, now).map_or(AdminState::Ready, |said| said.state)
    }

    /// When the next server becomes ready by the mere passing of time, in seconds since 1970.
    pub fn next_end(&self, now: u64) -> Option<u64> {
        self.servers.values().filter_map(|said| said.until).filter(|until| now < *until).min()
    }

    /// When the work on a server ended last, in seconds since 1970: what was found before says nothing of it. None where
    /// it has not ended, or ended long ago.
    pub fn work_ended(&self, server: &str, now: u64) -> Option<u64> {
        let work = self.servers.get(server).filter(|said| said.state == AdminState::Maint);
        let by_itself = work.and_then(|said| said.until).filter(|until| *until <= now);
        by_itself.or_else(|| self.worked_on.get(server).copied())
    }

    /// Takes out what has ended.
    pub fn forget_ended(&mut self, now: u64) {
        self.worked_on.retain(|_, ended| now.saturating_sub(*ended) <= KEPT);
        self.ready.retain(|_, said| now.saturating_sub(said.since) <= KEPT);
        let worked_on = &mut self.worked_on;
        self.servers.retain(|server, said| {
            let Some(until) = said.until.filter(|until| *until <= now) else { return true };
            if said.state == AdminState::Maint {
                worked_on.insert(server.clone(), until);
            }
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(state: AdminState, until: Option<u64>) -> Said {
        Said { state, reason: None, since: 100, until }
    }

    #[test]
    fn what_was_said_last_holds_until_its_end() {
        let mut admins = Admins::default();
        assert_eq!(admins.state("a", 100), AdminState::Ready);
        admins.set("a", said(AdminState::Drain, None));
        admins.set("b", said(AdminState::Maint, Some(200)));
        admins.set("c", said(AdminState::Drain, Some(300)));
        for (now, states, end) in [
            (100, [AdminState::Drain, AdminState::Maint, AdminState::Drain], Some(200)),
            (199, [AdminState::Drain, AdminState::Maint, AdminState::Drain], Some(200)),
            (200, [AdminState::Drain, AdminState::Ready, AdminState::Drain], Some(300)),
            (300, [AdminState::Drain, AdminState::Ready, AdminState::Ready], None),
        ] {
            assert_eq!(["a", "b", "c"].map(|server| admins.state(server, now)), states, "{now}");
            assert_eq!(admins.next_end(now), end, "{now}");
        }
        admins.forget_ended(250);
        assert_eq!(admins.servers.keys().collect::<Vec<_>>(), ["a", "c"]);
        admins.set("a", said(AdminState::Ready, None));
        assert_eq!(admins.servers.keys().collect::<Vec<_>>(), ["c"]);
    }

    /// Said at 100, at the start: what follows, with its time, and the end of the work as it is known then.
    #[test]
    fn the_end_of_work_is_remembered() {
        type Step = (u64, Option<(AdminState, Option<u64>)>, Option<u64>);
        let (ready, drain, maint) = (AdminState::Ready, AdminState::Drain, AdminState::Maint);
        let cases: [&[Step]; 6] = [
            &[
                (100, Some((maint, None)), None),
                (150, Some((ready, None)), Some(150)),
                (200, None, Some(150)),
            ],
            &[(100, Some((maint, Some(200))), None), (199, None, None), (200, None, Some(200))],
            // Others' wishes take out what has ended.
            &[(100, Some((maint, Some(200))), None), (210, Some((drain, None)), Some(200))],
            &[(100, Some((maint, None)), None), (150, Some((maint, Some(160))), None), (155, None, None)],
            &[(100, Some((drain, None)), None), (150, Some((ready, None)), None)],
            // What was found so long ago is not believed anyway.
            &[
                (100, Some((maint, None)), None),
                (150, Some((ready, None)), Some(150)),
                (150 + KEPT + 1, None, None),
            ],
        ];
        for steps in cases {
            let mut admins = Admins::default();
            for (at, say, expected) in steps {
                admins.forget_ended(*at);
                if let Some((state, until)) = *say {
                    admins.set("a", Said { state, reason: None, since: *at, until });
                }
                assert_eq!(admins.work_ended("a", *at), *expected, "{steps:?} at {at}");
            }
        }
    }

    #[test]
    fn why_a_server_is_ready_is_kept_until_it_has_been_told() {
        let mut admins = Admins::default();
        let ready = |reason: Option<&str>| Said {
            reason: reason.map(str::to_owned),
            ..said(AdminState::Ready, None)
        };
        admins.set("a", ready(Some("a new fan")));
        admins.set("b", ready(None));
        assert_eq!(["a", "b"].map(|server| admins.ready_reason(server)), [Some("a new fan"), None]);
        assert_eq!((admins.said("a", 100), admins.said_last("a")), (None, None));
        admins.forget_ended(100 + KEPT);
        assert_eq!(admins.ready_reason("a"), Some("a new fan"));
        admins.forget_ended(101 + KEPT);
        assert_eq!(admins, Admins::default());
        admins.set("a", ready(Some("a new fan")));
        admins.set("a", said(AdminState::Drain, None));
        assert_eq!(admins.ready_reason("a"), None);
    }
}
