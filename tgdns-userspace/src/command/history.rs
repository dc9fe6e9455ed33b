use anyhow::Result;
use clap::Args;
use tgdns::{
    control::Request,
    history::{History, render},
};

use super::Controller;

/// Show what changed lately, and why: servers' health, admin states and own words, and clusters' answers
///
/// The last 32 verdicts on each server are remembered (8 over a restart), and the last 8 changes of anything else. What a
/// cluster is answered with changes where too few servers are live, and where enough are again.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Only of these servers
    #[arg(value_name = "SERVER")]
    servers: Vec<String>,
    #[command(flatten)]
    controller: Controller,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tgdns history
  tgdns history internet-3
  tgdns history --json | jq -r '.changes[] | select(.to == \"down\") | .cause'";

impl Arguments {
    pub(crate) fn run(self) -> Result<()> {
        let history = self.controller.call::<History>(&Request::History {})?.only(&self.servers);
        if self.json { super::print_json(&history) } else { super::print(&render(&history)) }
    }
}
