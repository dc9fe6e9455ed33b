use std::{net::IpAddr, path::PathBuf};

use anyhow::Result;
use clap::Args;
use tgdns::query;

use super::{Config, paths};

/// Ask the loaded program what it answers to a client, and why it would not
///
/// The query is given to the program in the kernel (BPF_PROG_TEST_RUN); no network is involved.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The name to ask for
    name: String,
    /// The type of record: A, AAAA, HTTPS, … or a number
    #[arg(value_name = "TYPE", default_value = "A")]
    record_type: String,
    /// The client's address, which chooses the view
    #[arg(long, value_name = "IP")]
    from: Option<IpAddr>,
    #[command(flatten)]
    config: Config,
    /// Where the fast path is pinned, in place of the configuration's
    #[arg(long, value_name = "DIRECTORY")]
    pin_dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tgdns query internet.intern.netz
  tgdns query internet.intern.netz --from 192.168.1.7
  tgdns query internet.intern.netz AAAA --from 2001:db8::7 --json";

impl Arguments {
    pub(crate) fn run(self) -> Result<()> {
        let pin_directory = paths::PIN_DIRECTORY.find(self.pin_dir, &self.config.config)?;
        let answer = query::ask(&pin_directory, &self.name, &self.record_type, self.from)?;
        if self.json { super::print_json(&answer) } else { super::print(&query::render(&answer)) }
    }
}
