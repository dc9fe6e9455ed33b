//! The commands, and what they share.

use std::{
    io::{self, ErrorKind, Write as _},
    path::PathBuf,
};

use anyhow::{Context as _, Result};
use clap::Args;
use serde::{Serialize, de::DeserializeOwned};
use tgdns::control::{Request, client};

pub(crate) mod admin;
pub(crate) mod check;
pub(crate) mod detach;
pub(crate) mod doctor;
pub(crate) mod forwarder_config;
pub(crate) mod history;
mod paths;
pub(crate) mod query;
pub(crate) mod reload;
pub(crate) mod run;
pub(crate) mod stats;
pub(crate) mod status;

pub(crate) const DEFAULT_CONFIG: &str = "/etc/tgdns/tgdns.toml";

#[derive(Args)]
pub(crate) struct Config {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
}

/// A running controller.
#[derive(Args)]
struct Controller {
    #[command(flatten)]
    config: Config,
    /// The control socket, in place of the configuration's
    #[arg(long, value_name = "SOCKET")]
    control: Option<PathBuf>,
}

impl Controller {
    /// The path of its socket.
    fn socket(&self) -> Result<PathBuf> {
        paths::CONTROL.find(self.control.clone(), &self.config.config)
    }

    fn call<Answer: DeserializeOwned>(&self, request: &Request) -> Result<Answer> {
        client::call(&self.socket()?, request)
    }
}

/// Prints to stdout. A reader that has seen enough is no failure.
fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to stdout"),
        _ => Ok(()),
    }
}

fn print_json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).context("cannot write JSON")?;
    print(&format!("{text}\n"))
}
