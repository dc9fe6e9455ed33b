use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::Value;
use tgdns::{
    control::{Request, client},
    status::{Status, render},
};

use super::{Config, paths};

/// Show who is live and what each view is answered with
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: Config,
    /// The control socket, in place of the configuration's
    #[arg(long, value_name = "SOCKET")]
    control: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tgdns status
  tgdns status --control /run/tgdns/control.sock
  tgdns status --json | jq -r '.clusters[].servers[] | select(.live) | .name'
  tgdns status --json | jq '.clusters[].answers[] | select(.view == \"lan\") | .addresses'";

impl Arguments {
    pub(crate) fn run(self) -> Result<()> {
        let control = paths::CONTROL.find(self.control, &self.config.config)?;
        if self.json {
            return super::print_json(&client::call::<Value>(&control, &Request::Status {})?);
        }
        super::print(&render::render(&client::call::<Status>(&control, &Request::Status {})?))
    }
}
