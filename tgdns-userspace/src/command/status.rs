use anyhow::Result;
use clap::Args;
use serde_json::Value;
use tgdns::{
    control::Request,
    status::{Status, render},
};

use super::Controller;

/// Show who is live and what each view is answered with
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
  tgdns status
  tgdns status --control /run/tgdns/control.sock
  tgdns status --json | jq -r '.clusters[].servers[] | select(.live) | .name'
  tgdns status --json | jq '.clusters[].answers[] | select(.view == \"lan\") | .addresses'";

impl Arguments {
    pub(crate) fn run(self) -> Result<()> {
        if self.json {
            return super::print_json(&self.controller.call::<Value>(&Request::Status {})?);
        }
        super::print(&render::render(&self.controller.call::<Status>(&Request::Status {})?))
    }
}
