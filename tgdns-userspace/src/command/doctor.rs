use anyhow::Result;
use clap::Args;
use serde_json::json;
use tgdns::{
    cluster::XdpMode,
    config,
    doctor::{self, Host, Interface},
};

use super::Config;

/// Show what of this host and its interfaces keeps the fast path from line rate, and the commands that mend it
///
/// Changes nothing. With advice the exit code is 0 as well: what is advised need not be possible.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: Config,
    /// Interfaces to look at, in place of the configuration's
    #[arg(value_name = "INTERFACE")]
    interfaces: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tgdns doctor
  tgdns doctor eth0 eth1                     before there is a configuration
  tgdns doctor --json | jq -e 'all(.findings[]; .state != \"advice\")'";

impl Arguments {
    pub(crate) fn run(self) -> Result<()> {
        let (interfaces, mode) = match self.interfaces.is_empty() {
            false => (self.interfaces, XdpMode::Native),
            true => {
                let model = config::load(&self.config.config)?;
                (model.interfaces, model.xdp_mode)
            }
        };
        let interfaces: Vec<Interface> = interfaces.iter().map(|name| Interface::read(name, mode)).collect();
        let findings = doctor::findings(&Host::read(), &interfaces);
        if self.json {
            super::print_json(&json!({ "findings": findings }))
        } else {
            super::print(&doctor::render(&findings))
        }
    }
}
