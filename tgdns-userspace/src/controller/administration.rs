//! What people want of the servers, on its way through the disk to the roster.
//!
//! A wish counts once it is saved, and is acknowledged once it counts. While one save is under way further wishes gather for
//! the next one, so that the disk never holds up the loop, and many clients together cost one save.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Controller, roster::Roster, sources::Sources};
use crate::{
    admin::{AdminState, Admins, Said, file::Saved},
    cluster::{Model, Server},
    control::{Replier, Reply},
    probe::Target,
    responder::unix_seconds,
};

/// What a client of the control socket wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    pub state: AdminState,
    /// By their names.
    #[serde(default)]
    pub servers: Vec<String>,
    /// All servers of this part as well.
    #[serde(default)]
    pub all_in: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
    /// Ready again from then on, in seconds since 1970.
    #[serde(default)]
    pub until: Option<u64>,
}

pub(super) struct Administration {
    /// As the file has it.
    saved: Admins,
    /// With all wishes that are not saved yet.
    wanted: Admins,
    /// Whose wishes are in the save that is under way.
    saving: Vec<(Replier, Reply)>,
    /// Whose wishes are in the next one.
    waiting: Vec<(Replier, Reply)>,
}

impl Administration {
    pub(super) fn new(saved: Admins) -> Self {
        Self { wanted: saved.clone(), saved, saving: Vec::new(), waiting: Vec::new() }
    }

    /// Takes a wish, or tells at once what is wrong with it.
    pub(super) fn take(&mut self, wish: &Wish, model: &Model, unix_seconds: u64, reply: Replier) {
        match self.apply(wish, model, unix_seconds) {
            Ok(told) => self.waiting.push((reply, told)),
            // The client may have gone, here and below.
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn apply(&mut self, wish: &Wish, model: &Model, unix_seconds: u64) -> Result<Reply> {
        let servers = servers(wish, model, &self.wanted)?;
        if let Some(until) = wish.until {
            ensure!(wish.state != AdminState::Ready, "`until` is for drain and maint: ready is for good");
            ensure!(unix_seconds < until, "`until` is in the past: nothing was changed");
        }
        self.wanted.forget_ended(unix_seconds);
        for server in &servers {
            let Wish { state, reason, until, .. } = wish.clone();
            self.wanted.set(server, Said { state, reason, since: unix_seconds, until });
        }
        Reply::ok(&json!({ "servers": servers, "state": wish.state, "until": wish.until }))
    }

    /// What is to be saved, if something waits and nothing is under way.
    pub(super) fn begin(&mut self) -> Option<Admins> {
        if !self.saving.is_empty() || self.waiting.is_empty() {
            return None;
        }
        self.saving = std::mem::take(&mut self.waiting);
        Some(self.wanted.clone())
    }

    /// Whether nobody waits for an acknowledgement.
    pub(super) fn is_idle(&self) -> bool {
        self.saving.is_empty() && self.waiting.is_empty()
    }

    /// The save has ended: gives what counts from now on, and how to acknowledge it. After a failure nothing of what it
    /// held counts, nor what was wanted on top of it.
    pub(super) fn end(&mut self, outcome: Result<Saved>) -> Option<(Admins, Acknowledgement)> {
        let saving = std::mem::take(&mut self.saving);
        match outcome {
            Ok(Saved { admins, doubt }) => {
                self.saved = admins;
                Some((self.saved.clone(), Acknowledgement { saved: saving, doubt }))
            }
            Err(error) => {
                self.wanted = self.saved.clone();
                for (reply, _) in saving.into_iter().chain(self.waiting.drain(..)) {
                    let _ = reply.send(Err(anyhow!("{error:#}")));
                }
                None
            }
        }
    }
}

/// To be given once what was saved is to be published.
pub(super) struct Acknowledgement {
    saved: Vec<(Replier, Reply)>,
    /// It counts, but none of it is promised to last.
    doubt: Option<String>,
}

impl Acknowledgement {
    /// With why the answers could not be published, if they could not.
    pub(super) fn give(self, unpublished: Option<&str>) {
        let unpublished = unpublished.map(|error| {
            format!("it is saved, but the answers could not be published yet, which is tried again each second: {error}")
        });
        let doubt = self.doubt.or(unpublished);
        for (reply, told) in self.saved {
            let _ = reply.send(match &doubt {
                None => Ok(told),
                Some(doubt) => Err(anyhow!("{doubt}")),
            });
        }
    }
}

impl Controller {
    /// Takes in what people's say comes to by now. Servers whose maintenance has ended are probed at once.
    pub(super) fn tell_time(&mut self, now: Instant, unix_seconds: u64) {
        let tell_time = |roster: &mut Roster| roster.tell_time(now, unix_seconds);
        let back: Vec<Target> = self.rosters_mut().flat_map(tell_time).collect();
        self.paused.resume(back);
    }

    pub(super) fn saved(&mut self, outcome: Result<Saved>, sources: &mut Sources) {
        match &outcome {
            Ok(Saved { doubt: None, .. }) => {}
            Ok(Saved { doubt: Some(doubt), .. }) => tracing::error!("{doubt}"),
            Err(error) => tracing::error!("{error:#}"),
        }
        if let Some((admins, acknowledgement)) = self.administration.end(outcome) {
            self.rosters_mut().for_each(|roster| roster.set_admins(admins.clone()));
            self.settle(sources);
            acknowledgement.give(self.publication.error());
        }
        self.save(sources);
    }

    pub(super) fn save(&mut self, sources: &Sources) {
        if let Some(admins) = self.administration.begin() {
            sources.save(self.roster.model().state_directory.clone(), admins);
        }
    }

    pub(super) fn next_admin_end(&self) -> Option<Instant> {
        let now = unix_seconds().into();
        let end = self.roster.admins().next_end(now)?;
        Some(Instant::now() + Duration::from_secs(end - now))
    }
}

/// The servers that a wish is about, in the model's order. Who is configured no more and out still may be ready again.
fn servers(wish: &Wish, model: &Model, admins: &Admins) -> Result<Vec<String>> {
    let all = || model.clusters.iter().flat_map(|cluster| &cluster.servers);
    let mut gone = Vec::new();
    for name in &wish.servers {
        if all().any(|server| server.name == *name) {
            continue;
        }
        if wish.state == AdminState::Ready && admins.said_last(name).is_some() {
            gone.push(name.clone());
        } else {
            bail!("there is no server \"{name}\": {}", known(name, all().map(|server| server.name.as_str())));
        }
    }
    if let Some(part) = &wish.all_in
        && !all().any(|server| server.part.as_ref() == Some(part))
    {
        let parts = all().filter_map(|server| server.part.as_deref());
        bail!("there is no part \"{part}\": {}", known(part, parts));
    }
    let is_wanted = |server: &&Server| {
        wish.servers.contains(&server.name) || (wish.all_in.is_some() && server.part == wish.all_in)
    };
    let mut wanted: Vec<String> = all().filter(is_wanted).map(|server| server.name.clone()).collect();
    wanted.append(&mut gone);
    ensure!(!wanted.is_empty(), "no server is named: name one or more, or all of a part with --all-in");
    Ok(wanted)
}

/// What could have been meant.
fn known<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> String {
    let mut names: Vec<&str> = names.collect();
    names.dedup();
    let closest = names
        .iter()
        .rev()
        .max_by(|one, other| strsim::jaro_winkler(name, one).total_cmp(&strsim::jaro_winkler(name, other)));
    match closest {
        Some(closest) if strsim::jaro_winkler(name, closest) > 0.85 => format!("did you mean \"{closest}\"?"),
        _ if names.is_empty() => "there are none".to_owned(),
        _ => format!("there are {}", names.join(", ")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::config;

    const CONFIG: &str = r#"
        xdp_mode = "off"
        [[cluster]]
        name = "c.netz"
        probe.port = 443
        server = [{ name = "a", address = "10.0.0.1" }]
    "#;

    fn drain(administration: &mut Administration) -> oneshot::Receiver<Result<Reply>> {
        let (reply, told) = oneshot::channel();
        let wish = Wish {
            state: AdminState::Drain,
            servers: vec!["a".into()],
            all_in: None,
            reason: None,
            until: None,
        };
        administration.take(&wish, &config::parse(CONFIG, "F").unwrap(), 100, reply);
        told
    }

    /// It would be out when it comes back.
    #[test]
    fn a_server_that_is_gone_is_made_ready() {
        let mut admins = Admins::default();
        let drained = Said { state: AdminState::Drain, reason: None, since: 50, until: None };
        admins.set("gone", drained);
        let model = config::parse(CONFIG, "F").unwrap();
        let mut administration = Administration::new(admins);
        let wish = |state, server: &str| {
            let servers = vec![server.to_owned()];
            Wish { state, servers, all_in: None, reason: None, until: None }
        };
        for (state, server, expected) in [
            (AdminState::Drain, "gone", Err("there is no server \"gone\": there are a")),
            (AdminState::Ready, "never", Err("there is no server \"never\": there are a")),
            (AdminState::Ready, "gone", Ok(json!(["gone"]))),
            (AdminState::Ready, "gone", Err("there is no server \"gone\": there are a")),
        ] {
            let told = administration.apply(&wish(state, server), &model, 100);
            let told =
                told.map(|told| told.object()["ok"]["servers"].clone()).map_err(|error| error.to_string());
            assert_eq!(told, expected.map_err(str::to_owned), "{state} {server}");
        }
        assert_eq!(administration.wanted.state("gone", 100), AdminState::Ready);
    }

    /// What the file has counts, and nothing else; only what is sure to last is acknowledged.
    #[test]
    fn what_counts_is_what_the_file_has() {
        let doubt = Some("the disk did not confirm that".to_owned());
        for (doubt, fails, unpublished, state, error) in [
            (None, false, None, AdminState::Drain, None),
            (doubt.clone(), false, None, AdminState::Drain, doubt.as_deref()),
            (None, true, None, AdminState::Ready, Some("no space: nothing was changed")),
            (
                None,
                false,
                Some("a map is full"),
                AdminState::Drain,
                Some(
                    "it is saved, but the answers could not be published yet, which is tried again each second: a map is full",
                ),
            ),
        ] {
            let mut administration = Administration::new(Admins::default());
            let mut told = drain(&mut administration);
            let admins = administration.begin().unwrap();
            let outcome = match fails {
                true => Err(anyhow!("no space: nothing was changed")),
                false => Ok(Saved { admins, doubt }),
            };
            if let Some((admins, acknowledgement)) = administration.end(outcome) {
                assert_eq!(admins.state("a", 100), state);
                told.try_recv().expect_err("before it is published");
                acknowledgement.give(unpublished);
            }
            assert_eq!(administration.saved.state("a", 100), state);
            assert_eq!(administration.wanted, administration.saved);
            let told = told.try_recv().unwrap();
            assert_eq!(told.err().map(|error| error.to_string()).as_deref(), error);
        }
    }
}
