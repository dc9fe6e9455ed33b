use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::json;
use tgdns::xdp;

use super::{Config, paths};

/// Detach the fast path from the NICs and remove its pins
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: Config,
    /// Where the fast path's links and maps are pinned, in place of the configuration's
    #[arg(long, value_name = "DIRECTORY")]
    pin_dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  systemctl stop tgdns && tgdns detach
  tgdns detach --pin-dir /sys/fs/bpf/tgdns";

impl Arguments {
    pub(crate) fn run(self) -> Result<()> {
        let pin_directory = paths::PIN_DIRECTORY.find(self.pin_dir, &self.config.config)?;
        let removed = xdp::detach(&pin_directory)?;
        if self.json {
            return super::print_json(&json!({ "removed": removed }));
        }
        match removed.as_slice() {
            [] => super::print(&format!("nothing is pinned below {}\n", pin_directory.display())),
            removed => {
                super::print(&removed.iter().map(|name| format!("removed {name}\n")).collect::<String>())
            }
        }
    }
}
