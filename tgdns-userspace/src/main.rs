//! `tgdns`: the command line.
//!
//! Exit codes: 0 done, 1 failed, 2 the command line is wrong. Errors go to stderr and say what to do.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod command;
mod log;

/// Answers a cluster's DNS name in the NIC driver, with the addresses of its live servers.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, disable_help_subcommand = true, after_help = EXAMPLES)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  tgdns check                                check /etc/tgdns/tgdns.toml and show what it hands out
  tgdns run                                  probe the servers and answer
  tgdns reload                               put the changed file in place
  tgdns status                               who is live, and what each view is answered with
  tgdns query internet.intern.netz           ask the loaded program itself
  tgdns drain internet-3 --until 2h          hand a server out to no new clients
  tgdns doctor                               what keeps this host from answering at line rate
  tgdns forwarder-config unbound             the configuration of the DNS server that forwards the names

`tgdns COMMAND --help` shows examples of each command.";

#[derive(Subcommand)]
enum Command {
    Run(command::run::Arguments),
    Check(command::check::Arguments),
    Reload(command::reload::Arguments),
    Status(command::status::Arguments),
    History(command::history::Arguments),
    Stats(command::stats::Arguments),
    Query(command::query::Arguments),
    Drain(command::admin::Drain),
    Maint(command::admin::Maint),
    Ready(command::admin::Ready),
    ForwarderConfig(command::forwarder_config::Arguments),
    Doctor(command::doctor::Arguments),
    Detach(command::detach::Arguments),
}

fn main() -> ExitCode {
    tgdns::child::supervise_if_asked();
    let command = CommandLine::parse().command;
    log::to_stderr(command.logs_json());
    match command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::failure(&format!("tgdns: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

impl Command {
    fn logs_json(&self) -> bool {
        matches!(self, Self::Run(arguments) if arguments.json)
    }

    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Run(arguments) => arguments.run(),
            Self::Check(arguments) => arguments.run(),
            Self::Reload(arguments) => arguments.run(),
            Self::Status(arguments) => arguments.run(),
            Self::History(arguments) => arguments.run(),
            Self::Stats(arguments) => arguments.run(),
            Self::Query(arguments) => arguments.run(),
            Self::Drain(arguments) => arguments.run(),
            Self::Maint(arguments) => arguments.run(),
            Self::Ready(arguments) => arguments.run(),
            Self::ForwarderConfig(arguments) => arguments.run(),
            Self::Doctor(arguments) => arguments.run(),
            Self::Detach(arguments) => arguments.run(),
        }
    }
}
