use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;
use tgdns::{
    check,
    config::{self, ConfigErrors},
    publish,
};

use super::Config;

/// Check a configuration and show what it hands out to whom, before it is live
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: Config,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tgdns check
  tgdns check --config ./tgdns.toml
  tgdns check --json | jq '.clusters[].servers'";

impl Arguments {
    pub(crate) fn run(self) -> Result<()> {
        let loaded = config::load(&self.config.config);
        if let Ok(model) = &loaded
            && let Some(excess) = publish::excess(model)
        {
            bail!("{}: {excess}", self.config.config.display());
        }
        match (loaded, self.json) {
            (Ok(model), true) => super::print_json(&check::to_json(&model, &check::warnings_here(&model))),
            (Ok(model), false) => super::print(&check::render(&model, &check::warnings_here(&model))),
            (Err(errors), true) => {
                super::print_json(&errors_to_json(&errors))?;
                bail!("{}: {} mistakes", errors.file_name, errors.errors.len())
            }
            (Err(errors), false) => Err(errors.into()),
        }
    }
}

fn errors_to_json(errors: &ConfigErrors) -> serde_json::Value {
    let each = errors.errors.iter();
    let each =
        each.map(|error| json!({ "line": error.line, "column": error.column, "message": error.message }));
    json!({ "file": errors.file_name, "errors": each.collect::<Vec<_>>() })
}
