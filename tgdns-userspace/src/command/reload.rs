use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::Value;
use tgdns::{
    config,
    control::{Request, client},
    reload::{self, Changes, render},
};

use super::Controller;

/// Longer than the first verdicts of servers that are new are waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Make the running controller read its configuration again
///
/// The file is checked as a whole first: with a mistake in it, or something that only a restart can change, nothing
/// changes. What stays the same is not disturbed. The command answers once the new answers are given.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    controller: Controller,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tgdns reload
  tgdns check && tgdns reload
  tgdns reload --json | jq -r '.changes[] | select(.kind == \"server\") | .name'
  tgdns reload --json | jq -r '.mistakes[]? | \"line \\(.line): \\(.message)\"'
  systemctl reload tgdns                     with ExecReload=/usr/local/sbin/tgdns reload";

impl Arguments {
    pub(crate) fn run(self) -> Result<()> {
        // With a broken file not even the way to the controller is told; its mistakes are what matters then.
        let socket = self.controller.socket().map_err(|error| {
            let mistakes = config::load(&self.controller.config.config).err();
            mistakes.map_or(error, |mistakes| anyhow::Error::from(mistakes).context("nothing was changed"))
        })?;
        let mut reply = client::exchange(&socket, &Request::Reload {}, PATIENCE)?;
        if let Some(error) = reply.get("error").and_then(Value::as_str) {
            let error = match error.starts_with(reload::APPLIED) {
                true => error.to_owned(),
                false => format!("nothing was changed:\n{error}"),
            };
            if self.json {
                super::print_json(&reply)?;
            }
            bail!(error);
        }
        let changes = reply.get_mut("ok").context("an odd reply")?.take();
        if self.json {
            return super::print_json(&changes);
        }
        super::print(&render(&serde_json::from_value::<Changes>(changes).context("an odd reply")?))
    }
}
