use anyhow::Result;
use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser as _},
    error::ErrorKind,
};
use tgdns::{
    config,
    forwarder::{self, DnsServer, Style},
};

use super::Config;

/// Print the configuration of the DNS server that asks the load balancers for the clusters' names
///
/// It forwards each cluster's zone to all load balancers, and makes the exception from DNSSEC without which every answer
/// would be taken for forged. Comments tell into which file each block belongs.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The organisation's DNS server
    #[arg(value_parser = dns_server())]
    server: DnsServer,
    /// How it is told, where it knows several ways; the default is the first it knows
    #[arg(long, value_parser = style())]
    style: Option<Style>,
    /// Reach the load balancers as this view's clients do, by their aliases
    #[arg(long, value_name = "NAME")]
    view: Option<String>,
    #[command(flatten)]
    config: Config,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tgdns forwarder-config unbound > /etc/unbound/unbound.conf.d/tgdns.conf
  tgdns forwarder-config bind --style static-stub
  tgdns forwarder-config windows --view behind-nat
  tgdns forwarder-config pdns-recursor --json | jq -r '.files[].path'

Styles: bind knows forward, stub and static-stub; unbound, knot-resolver and windows know forward and stub; the others
know forward alone.";

impl Arguments {
    pub(crate) fn run(self) -> Result<()> {
        let style = match self.server.style(self.style) {
            Ok(style) => style,
            Err(error) => wrong_usage(&error),
        };
        let model = config::load(&self.config.config)?;
        let zones = forwarder::zones(&model, self.view.as_deref())?;
        let files = forwarder::render(self.server, style, &zones)?;
        if self.json {
            super::print_json(&forwarder::to_json(self.server, style, &files))
        } else {
            super::print(&forwarder::to_text(&files))
        }
    }
}

/// What clap itself says and does about arguments that don't go together.
fn wrong_usage(error: &anyhow::Error) -> ! {
    let command = clap::Command::new("tgdns").bin_name("tgdns forwarder-config");
    Arguments::augment_args(command).error(ErrorKind::ArgumentConflict, format!("{error:#}")).exit()
}

fn dns_server() -> impl clap::builder::TypedValueParser<Value = DnsServer> {
    PossibleValuesParser::new(DnsServer::ALL.map(DnsServer::as_str)).try_map(|name| {
        DnsServer::ALL.into_iter().find(|server| server.as_str() == name).ok_or("no such server")
    })
}

fn style() -> impl clap::builder::TypedValueParser<Value = Style> {
    PossibleValuesParser::new(Style::ALL.map(Style::as_str))
        .try_map(|name| Style::ALL.into_iter().find(|style| style.as_str() == name).ok_or("no such style"))
}
