use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use tgdns::{admin::AdminState, control::Request, controller::administration::Wish, status};

use super::Controller;

/// Hand a server out to no new clients; it is probed on
///
/// The command answers once the state is saved and no answer has the server any more, unless all servers that a view is shown
/// were taken out: then `all_down` says what its clients are told.
#[derive(Args)]
#[command(after_help = DRAIN_EXAMPLES)]
pub(crate) struct Drain {
    #[command(flatten)]
    arguments: TakenOut,
}

/// Hand a server out to nobody and don't probe it, while it is being worked on
///
/// The command answers once the state is saved and no answer has the server any more, unless all servers that a view is shown
/// were taken out: then `all_down` says what its clients are told.
#[derive(Args)]
#[command(after_help = MAINT_EXAMPLES)]
pub(crate) struct Maint {
    #[command(flatten)]
    arguments: TakenOut,
}

/// Hand a server out again, as its health says
///
/// A server whose maintenance ends must prove itself anew, which takes a few probes. What was said of a server that is
/// configured no longer holds for its name, should it come back: `ready` takes that back, too.
#[derive(Args)]
#[command(after_help = READY_EXAMPLES)]
pub(crate) struct Ready {
    #[command(flatten)]
    servers: Servers,
    /// Why, for the log, hooks and `tgdns history`
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Args)]
struct TakenOut {
    #[command(flatten)]
    servers: Servers,
    /// Why, for the log, hooks, `tgdns history` and `tgdns status`
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// When the server is ready again: a duration, or a time in RFC 3339
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

#[derive(Args)]
struct Servers {
    /// The servers' names, as `tgdns status` shows them
    #[arg(value_name = "SERVER", required_unless_present = "all_in")]
    names: Vec<String>,
    /// All servers of a part
    #[arg(long, value_name = "PART")]
    all_in: Option<String>,
    #[command(flatten)]
    controller: Controller,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const DRAIN_EXAMPLES: &str = "\
Examples:
  tgdns drain internet-3
  tgdns drain internet-3 --reason 'new kernel' --until 2h
  tgdns drain --all-in cellar --until 2026-12-24T18:00:00Z";

const MAINT_EXAMPLES: &str = "\
Examples:
  tgdns maint internet-3 --reason 'new disk'
  tgdns maint internet-3 internet-4 --until 30m
  tgdns maint --all-in cellar";

const READY_EXAMPLES: &str = "\
Examples:
  tgdns ready internet-3 --reason 'the fan is in'
  tgdns ready --all-in cellar";

impl Drain {
    pub(crate) fn run(self) -> Result<()> {
        self.arguments.run(AdminState::Drain)
    }
}

impl Maint {
    pub(crate) fn run(self) -> Result<()> {
        self.arguments.run(AdminState::Maint)
    }
}

impl Ready {
    pub(crate) fn run(self) -> Result<()> {
        self.servers.set(AdminState::Ready, self.reason, None)
    }
}

impl TakenOut {
    fn run(self, state: AdminState) -> Result<()> {
        let until = self.until.as_deref().map(|text| moment(text, SystemTime::now())).transpose()?;
        self.servers.set(state, self.reason, until)
    }
}

#[derive(Deserialize)]
struct Done {
    servers: Vec<String>,
    state: AdminState,
    until: Option<u64>,
}

impl Servers {
    fn set(self, state: AdminState, reason: Option<String>, until: Option<u64>) -> Result<()> {
        let wish = Wish { state, servers: self.names, all_in: self.all_in, reason, until };
        let value = self.controller.call::<Value>(&Request::Admin(wish))?;
        if self.json {
            return super::print_json(&value);
        }
        let Done { servers, state, until } = serde_json::from_value(value).context("an odd reply")?;
        let until =
            until.map(|until| format!(" until {}", status::unix_timestamp(until))).unwrap_or_default();
        super::print(&servers.iter().map(|server| format!("{server}: {state}{until}\n")).collect::<String>())
    }
}

/// In seconds since 1970.
fn moment(text: &str, now: SystemTime) -> Result<u64> {
    let time = match (humantime::parse_duration(text), humantime::parse_rfc3339_weak(text)) {
        (Ok(duration), _) => now + duration,
        (_, Ok(time)) => time,
        _ => bail!(
            "--until: {text:?} is neither a duration, such as 2h or 30m, nor a time, such as 2026-12-24T18:00:00Z"
        ),
    };
    let since = time.duration_since(SystemTime::UNIX_EPOCH).context("--until: that is before 1970")?;
    // A part of a second is not cut off.
    Ok(since.as_secs() + u64::from(since.subsec_nanos() > 0))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn moments() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_500);
        for (text, expected) in [
            ("2h", Some(1001 + 7200)),
            ("90s", Some(1091)),
            ("1970-01-02T00:00:00Z", Some(86_400)),
            ("soon", None),
        ] {
            assert_eq!(moment(text, now).ok(), expected, "{text}");
        }
        assert!(moment("soon", now).unwrap_err().to_string().contains("such as 2h"));
    }
}
