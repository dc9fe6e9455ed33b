use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use tgdns::{
    controller::{self, reloading::Configuration},
    preflight,
};

use super::Config;

/// Probe the servers and answer, until SIGTERM or SIGINT
///
/// SIGHUP and `tgdns reload` make it read the file again.
/// The fast path stays attached afterwards and keeps answering with the last published addresses; `tgdns detach`
/// removes it.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: Config,
    /// The control socket, in place of the configuration's
    #[arg(long, value_name = "SOCKET")]
    control: Option<std::path::PathBuf>,
    /// Write the log as JSON, one object per line
    #[arg(long)]
    pub(crate) json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tgdns run
  tgdns run --config /etc/tgdns/lan.toml
  RUST_LOG=debug tgdns run --json";

/// How long a stop waits for what the controller no longer needs.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

impl Arguments {
    pub(crate) fn run(self) -> Result<()> {
        let given = &self.config.config;
        let file = std::path::absolute(given)
            .with_context(|| format!("cannot tell where {} is", given.display()))?;
        let configuration = Configuration { file, control: self.control };
        let model = configuration.load()?;
        let mut problems = preflight::problems(&model);
        problems.extend(preflight::ownership::problem("the configuration", &configuration.file));
        if !problems.is_empty() {
            bail!("cannot start: {}", problems.join("\ntgdns: cannot start: "));
        }
        // One thread: a network namespace belongs to a thread, and what the start gives up does, too.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("cannot start the runtime")?;
        let outcome = runtime.block_on(controller::run(configuration, model));
        // A look-up of a name or a read that hangs is not waited for.
        runtime.shutdown_timeout(LAST_PATIENCE);
        outcome
    }
}
