use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use tgdns::{
    control::{Request, client},
    stats::{self, Counters, Stats, Told},
    xdp,
};

use super::{Controller, paths};

/// Show what was answered and what was passed on for which reason
///
/// The fast path's counters are read from its pinned map, also when no controller runs.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    controller: Controller,
    /// Where the fast path's maps are pinned, in place of the configuration's
    #[arg(long, value_name = "DIRECTORY")]
    pin_dir: Option<PathBuf>,
    /// Print JSON, zeros included
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tgdns stats
  tgdns stats --json | jq '.fast_path.answered_a'
  watch -n 1 tgdns stats";

impl Arguments {
    pub(crate) fn run(self) -> Result<()> {
        let control = self.controller.socket()?;
        let pin_directory = paths::PIN_DIRECTORY.find(self.pin_dir, &self.controller.config.config)?;
        let fast = xdp::counters(&pin_directory);
        let slow = client::call::<Told>(&control, &Request::Stats {});
        if let (Err(fast), Err(slow)) = (&fast, &slow) {
            bail!("neither path can be asked\n  fast path: {fast:#}\n  slow path: {slow:#}");
        }
        let mut slow = slow.ok();
        // The controller leaves its own questions out.
        let told = slow.as_mut().and_then(|told| told.fast_path.take()).map(Counters);
        let controller = |of: fn(&Told) -> &Vec<(String, u64)>| slow.as_ref().map(of).cloned().map(Counters);
        let named = |(name, count): (&str, u64)| (name.to_owned(), count);
        let pinned = fast.ok().map(|counters| Counters(counters.into_iter().map(named).collect()));
        let stats = Stats {
            fast_path: told.or(pinned),
            slow_path: controller(|told| &told.counters),
            probes: controller(|told| &told.probes),
            hooks: controller(|told| &told.hooks),
            interfaces: controller(|told| &told.interfaces),
            publications: controller(|told| &told.publications),
            self_test: controller(|told| &told.self_test),
        };
        if self.json { super::print_json(&stats) } else { super::print(&stats::render(&stats)) }
    }
}
