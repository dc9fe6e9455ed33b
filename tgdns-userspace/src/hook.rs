//! Commands that are told of servers' changes.
//!
//! Each hook has a task and a short queue: one run at a time, and what finds no place is dropped and counted. So a hook that
//! hangs holds up nobody but itself.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use serde::Serialize;
use tokio::{
    process::Command,
    sync::mpsc::{self, error::TrySendError},
    task::JoinSet,
};

use crate::{
    child,
    cluster::{Hook, Occasion},
};

/// What waits for a hook at most.
const WAITING: usize = 256;

/// What a hook is told: in variables of its environment, and as JSON on its standard input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// `up`, `down`, `unknown`, `ready`, `drain` or `maint`.
    pub event: Occasion,
    pub cluster: String,
    pub server: String,
    pub address: String,
    /// What it was before.
    pub from: String,
    pub to: String,
    /// The evidence, or what a person gave as the reason.
    pub cause: Option<String>,
    /// When an admin state ends: RFC 3339, UTC.
    pub until: Option<String>,
    /// For how long it was what it was before, where that is known.
    pub after_seconds: Option<u64>,
    /// RFC 3339, UTC.
    pub at: String,
}

/// The hooks of one configuration. Dropping it ends them with all that they have started.
#[derive(Debug)]
pub struct Hooks {
    queues: Vec<(Vec<Occasion>, mpsc::Sender<Arc<Fact>>)>,
    counts: Arc<Counts>,
    _tasks: JoinSet<()>,
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
        let counts = Arc::<Counts>::default();
        let mut tasks = JoinSet::new();
        let mut queues = Vec::new();
        for hook in hooks {
            let (sender, receiver) = mpsc::channel(WAITING);
            queues.push((hook.on.clone(), sender));
            tasks.spawn(serve(hook.clone(), receiver, Arc::clone(&counts)));
        }
        Self { queues, counts, _tasks: tasks }
    }

    /// Tells all whom it concerns; waits for none of them.
    pub fn tell(&self, fact: Fact) {
        let fact = Arc::new(fact);
        for (_, queue) in self.queues.iter().filter(|(on, _)| on.contains(&fact.event)) {
            if let Err(TrySendError::Full(_)) = queue.try_send(Arc::clone(&fact)) {
                let before = self.counts.dropped.fetch_add(1, Ordering::Relaxed);
                // Thousands of lines would say no more.
                if before.is_power_of_two() || before == 0 {
                    tracing::warn!(dropped = before + 1, "a hook is behind: it is not told of everything");
                }
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

async fn serve(hook: Hook, mut facts: mpsc::Receiver<Arc<Fact>>, counts: Arc<Counts>) {
    while let Some(fact) = facts.recv().await {
        let outcome = run(&hook, &fact).await;
        counts.run.fetch_add(1, Ordering::Relaxed);
        if let Err(cause) = outcome {
            counts.failed.fetch_add(1, Ordering::Relaxed);
            let command = hook.command.join(" ");
            tracing::warn!(
                command,
                event = fact.event.as_str(),
                server = fact.server,
                cause,
                "a hook has failed"
            );
        }
    }
}

async fn run(hook: &Hook, fact: &Fact) -> Result<(), String> {
    let Some((program, arguments)) = hook.command.split_first() else { return Ok(()) };
    let input = serde_json::to_vec(fact).map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(environment(fact))
        .current_dir("/")
        .stdout(std::process::Stdio::null());
    match child::run(&mut command, &input, hook.timeout).await {
        Ok(Some(status)) if status.success() => Ok(()),
        Ok(Some(status)) => Err(format!("ended with {status}")),
        Ok(None) => Err(format!("killed after {}", humantime::format_duration(hook.timeout))),
        Err(error) => Err(format!("cannot be run: {error}")),
    }
}

fn environment(fact: &Fact) -> Vec<(&'static str, String)> {
    let after = fact.after_seconds.map(|seconds| seconds.to_string());
    let given = [
        ("TGDNS_EVENT", Some(fact.event.as_str().to_owned())),
        ("TGDNS_CLUSTER", Some(fact.cluster.clone())),
        ("TGDNS_SERVER", Some(fact.server.clone())),
        ("TGDNS_ADDRESS", Some(fact.address.clone())),
        ("TGDNS_FROM", Some(fact.from.clone())),
        ("TGDNS_TO", Some(fact.to.clone())),
        ("TGDNS_CAUSE", fact.cause.clone()),
        ("TGDNS_UNTIL", fact.until.clone()),
        ("TGDNS_AFTER_SECONDS", after),
        ("TGDNS_AT", Some(fact.at.clone())),
        ("PATH", Some("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned())),
    ];
    given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
