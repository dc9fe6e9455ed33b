//! What people say of the servers, and what that comes to at a time.

use std::time::Instant;

use super::Roster;
use crate::{
    admin::{AdminState, Admins, Said},
    last_run::WORK_ENDED,
    probe::Target,
    remark::{Remark, Subject},
};

/// Of what people said without giving a reason.
const BY_HAND: &str = "by hand";

impl Roster {
    /// What people say of the servers from now on; it counts from the next [`Self::tell_time`].
    pub fn set_admins(&mut self, admins: Admins) {
        let before = std::mem::replace(&mut self.admins, admins);
        self.former_admins.get_or_insert(before);
        self.states_end = Some(0);
    }

    /// Takes in what people's say comes to at a time, in seconds since 1970. Gives the targets on which the work has ended:
    /// they are probed again, and must prove themselves anew.
    pub fn tell_time(&mut self, now: Instant, unix_seconds: u64) -> Vec<Target> {
        let mut back = Vec::new();
        if self.states_end.is_none_or(|end| unix_seconds < end) {
            return back;
        }
        self.states_end = self.admins.next_end(unix_seconds);
        self.touched = true;
        let former = self.former_admins.take();
        for cluster in 0..self.states.len() {
            for server in 0..self.health(cluster).len() {
                let place = (cluster, server);
                let (from, to) = self.enter(place, former.as_ref(), now, unix_seconds);
                if from != to {
                    self.stir(cluster);
                }
                if from == AdminState::Maint && to != AdminState::Maint {
                    back.extend(self.target(cluster, server));
                    let word = self.own_word(place);
                    self.forget_own_word(place, word, WORK_ENDED, now);
                }
            }
        }
        back
    }

    /// One server's state from then on, which is told if it is another one, or has another reason. Gives it and the one before.
    fn enter(
        &mut self,
        place @ (cluster, server): (usize, usize),
        former: Option<&Admins>,
        now: Instant,
        unix_seconds: u64,
    ) -> (AdminState, AdminState) {
        let from = self.state(cluster, server);
        let Some(name) = self.model.clusters.get(cluster).and_then(|of| of.servers.get(server)) else {
            return (from, from);
        };
        let name = &name.name;
        let said = self.admins.said(name, unix_seconds);
        let to = said.map_or(AdminState::Ready, |said| said.state);
        let before = former.unwrap_or(&self.admins).said_last(name).filter(|said| said.state == from);
        let has_changed = from != to || (before != said && before.is_some() && said.is_some());
        if has_changed {
            let remark = Remark {
                subject: Subject::Admin,
                from: from.to_string(),
                to: to.to_string(),
                cause: cause(before, said, self.admins.ready_reason(name), unix_seconds),
                until: said.and_then(|said| said.until),
                at: now,
            };
            self.remark(place, remark);
        }
        if let Some(state) = self.states.get_mut(cluster).and_then(|states| states.get_mut(server)) {
            *state = to;
        }
        (from, to)
    }

    /// Whether a person wants a server to be handed out, at the time that was told last.
    pub fn state(&self, cluster: usize, server: usize) -> AdminState {
        self.states.get(cluster).and_then(|states| states.get(server)).copied().unwrap_or_default()
    }

    pub fn admins(&self) -> &Admins {
        &self.admins
    }
}

/// Why a server has another state than before; `ready` is why people said that it is ready.
fn cause(before: Option<&Said>, said: Option<&Said>, ready: Option<&str>, unix_seconds: u64) -> String {
    let ended = before.filter(|before| before.until.is_some_and(|until| until <= unix_seconds));
    let by_hand = |reason: Option<&str>| reason.unwrap_or(BY_HAND).to_owned();
    match (said, ready, ended) {
        (Some(said), ..) => by_hand(said.reason.as_deref()),
        (None, None, Some(before)) => format!("the time of {} is up", before.state),
        (None, ready, _) => by_hand(ready),
    }
}
