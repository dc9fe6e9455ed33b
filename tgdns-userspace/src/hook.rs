//! Commands and HTTP servers that are told of servers' and clusters' changes.
//!
//! Each hook has a task and a short queue: one run at a time, and what finds no place is dropped and counted. So a hook that
//! hangs holds up nobody but itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::Serialize;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};

use self::{
    post::Post,
    untold::{Refusal, Untold},
};
use crate::{
    child::Hung,
    cluster::{Call, Hook, Occasion},
    tls::Roots,
};

mod command;
mod post;
mod untold;

/// What waits for a hook at most.
const WAITING: usize = 256;

/// For so long at most a hook that ends is waited for, with what it has not been told yet.
pub(crate) const RUN_OUT: Duration = Duration::from_secs(5);

/// What a hook is told: as JSON, on a command's standard input or in a request's body, and in variables of a command's
/// environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// `up`, `down`, `unknown`, `ready`, `drain`, `maint`, `reported`, `weight` or `probing` of a server, or `answers` of a
    /// cluster.
    pub event: Occasion,
    pub cluster: String,
    /// Where it is about what the clients of one view are answered.
    pub view: Option<String>,
    /// None where it is a cluster's change.
    pub server: Option<String>,
    pub address: Option<String>,
    /// What it was before.
    pub from: String,
    pub to: String,
    /// The evidence, what a person gave as the reason ("by hand" without one), or the server's own words.
    pub cause: Option<String>,
    /// When an admin state ends: RFC 3339, UTC.
    pub until: Option<String>,
    /// For how long it was what it was before, where that is known.
    pub after_seconds: Option<u64>,
    /// RFC 3339, UTC.
    pub at: String,
}

/// The hooks that hold. Dropping it ends them with all that they have started; what they were not told by then is counted and
/// logged.
#[derive(Debug, Default)]
pub struct Hooks {
    running: Vec<Running>,
    /// Those that are told what waits for them, and nothing more.
    ending: JoinSet<()>,
    /// Of these, and of those before them.
    counts: Arc<Counts>,
    /// Commands that were given up, and do not end.
    hung: Hung,
}

/// Dropping it ends it.
#[derive(Debug)]
struct Running {
    hook: Hook,
    queue: mpsc::Sender<Arc<Fact>>,
    /// How many facts it has not been told yet, or is being told.
    waiting: watch::Sender<u64>,
    counts: Arc<Counts>,
    /// One.
    _task: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Counts {
    run: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl Hooks {
    /// Must be called within a runtime.
    pub fn start(hooks: &[Hook]) -> Self {
        let mut started = Self::default();
        started.follow(hooks);
        started
    }

    /// Takes another configuration's hooks: those that are the same in it go on with what they do and what waits for them,
    /// the others end with that, within 5 s. Must be called within a runtime.
    pub fn follow(&mut self, hooks: &[Hook]) {
        let mut before = std::mem::take(&mut self.running);
        let roots = Arc::<Roots>::default();
        for hook in hooks {
            let same = before.iter().position(|running| running.hook == *hook);
            let running = same.map(|same| before.swap_remove(same));
            self.running.push(running.unwrap_or_else(|| self.start_one(hook, &roots)));
        }
        while self.ending.try_join_next().is_some() {}
        for running in before {
            // What is too late is dropped with it.
            self.ending.spawn(async move { drop(timeout(RUN_OUT, running.told()).await) });
        }
    }

    fn start_one(&self, hook: &Hook, roots: &Arc<Roots>) -> Running {
        let (queue, receiver) = mpsc::channel(WAITING);
        let mut task = JoinSet::new();
        let (waiting, counts) = (watch::Sender::new(0), Arc::clone(&self.counts));
        let teller = Teller::new(&hook.call, Arc::clone(roots), self.hung.clone());
        task.spawn(serve(hook.clone(), teller, receiver, (waiting.clone(), Arc::clone(&counts))));
        Running { hook: hook.clone(), queue, waiting, counts, _task: task }
    }

    /// Waits until all of them, and those that end, were told everything. Nothing is lost where that is given up.
    pub async fn told(&mut self) {
        while self.ending.join_next().await.is_some() {}
        for running in &self.running {
            running.told().await;
        }
    }

    /// Tells all whom it concerns; waits for none of them.
    pub fn tell(&self, fact: Fact) {
        let fact = Arc::new(fact);
        for running in self.running.iter().filter(|running| running.hook.on.contains(&fact.event)) {
            if running.tell(&fact) {
                continue;
            }
            let before = self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            // Thousands of lines would say no more.
            if before.is_power_of_two() || before == 0 {
                tracing::warn!(dropped = before + 1, "a hook is behind: it is not told of everything");
            }
        }
    }

    /// Name and value of each.
    pub fn counts(&self) -> [(&'static str, u64); 3] {
        let Counts { run, failed, dropped } = self.counts.as_ref();
        [("run", run), ("failed", failed), ("dropped", dropped)]
            .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }
}

impl Running {
    /// Gives whether there was room for it.
    fn tell(&self, fact: &Arc<Fact>) -> bool {
        let Ok(place) = self.queue.try_reserve() else { return false };
        self.waiting.send_modify(|waiting| *waiting += 1);
        place.send(Arc::clone(fact));
        true
    }

    /// Waits until it was told everything.
    async fn told(&self) {
        // The sender is here.
        let _ = self.waiting.subscribe().wait_for(|waiting| *waiting == 0).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let dropped = *self.waiting.borrow();
        if dropped == 0 {
            return;
        }
        self.counts.dropped.fetch_add(dropped, Ordering::Relaxed);
        tracing::warn!(
            hook = %self.hook.call,
            dropped,
            "a hook has ended before it was told everything: see why it takes so long, and look up what it has missed with \
             `tgdns history`"
        );
    }
}

async fn serve(
    hook: Hook,
    mut teller: Teller,
    mut facts: mpsc::Receiver<Arc<Fact>>,
    (waiting, counts): (watch::Sender<u64>, Arc<Counts>),
) {
    let mut refusal = Refusal::default();
    while let Some(fact) = facts.recv().await {
        let outcome = teller.tell(&fact, hook.timeout).await;
        refusal.follow(&hook, &outcome);
        let is_refused = matches!(outcome, Err(Untold::Refused(_)));
        let count = if is_refused { &counts.dropped } else { &counts.run };
        count.fetch_add(1, Ordering::Relaxed);
        if let Err(Untold::Failed(cause)) = outcome {
            counts.failed.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                hook = %hook.call,
                event = fact.event.as_str(),
                server = fact.server,
                cause,
                "a hook has failed"
            );
        }
        waiting.send_modify(|waiting| *waiting -= 1);
    }
}

/// One hook, with what it keeps from fact to fact.
enum Teller {
    Command(Vec<String>, Hung),
    Post(Box<Post>),
}

impl Teller {
    fn new(call: &Call, roots: Arc<Roots>, hung: Hung) -> Self {
        match call {
            Call::Command(words) => Self::Command(words.clone(), hung),
            Call::Webhook(webhook) => Self::Post(Box::new(Post::new(webhook.clone(), roots))),
        }
    }

    /// # Errors
    /// Why it may not have heard.
    async fn tell(&mut self, fact: &Fact, timeout: Duration) -> Result<(), Untold> {
        let json = serde_json::to_vec(fact).map_err(|error| Untold::Failed(error.to_string()))?;
        match self {
            Self::Command(words, hung) => command::run(words, fact, &json, timeout, hung).await,
            Self::Post(post) => post.send(json, timeout).await.map_err(Untold::Failed),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
