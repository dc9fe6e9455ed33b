//! A hook that is a command.

use std::time::Duration;

use super::{Fact, untold::Untold};
use crate::child::{self, Hung, Untrusted};

/// Runs it with the facts in its environment, and as JSON on its standard input.
///
/// # Errors
/// Why it may not have heard.
pub(super) async fn run(
    words: &[String],
    fact: &Fact,
    json: &[u8],
    timeout: Duration,
    hung: &Hung,
) -> Result<(), Untold> {
    match child::run(words, environment(fact), json, timeout, hung).await {
        Ok(Some(status)) if status.success() => Ok(()),
        Ok(Some(status)) => Err(Untold::Failed(format!("ended with {status}"))),
        Ok(None) => Err(Untold::Failed(format!("killed after {}", humantime::format_duration(timeout)))),
        Err(error) if Untrusted::is(&error) => Err(Untold::Refused(error.to_string())),
        Err(error) => Err(Untold::Failed(format!("cannot be run: {error}"))),
    }
}

fn environment(fact: &Fact) -> Vec<(&'static str, String)> {
    let after = fact.after_seconds.map(|seconds| seconds.to_string());
    let given = [
        ("TGDNS_EVENT", Some(fact.event.as_str().to_owned())),
        ("TGDNS_CLUSTER", Some(fact.cluster.clone())),
        ("TGDNS_VIEW", fact.view.clone()),
        ("TGDNS_SERVER", fact.server.clone()),
        ("TGDNS_ADDRESS", fact.address.clone()),
        ("TGDNS_FROM", Some(fact.from.clone())),
        ("TGDNS_TO", Some(fact.to.clone())),
        ("TGDNS_CAUSE", fact.cause.clone()),
        ("TGDNS_UNTIL", fact.until.clone()),
        ("TGDNS_AFTER_SECONDS", after),
        ("TGDNS_AT", Some(fact.at.clone())),
    ];
    // Of what people and servers say nothing may keep the command from being started.
    given.into_iter().filter_map(|(name, value)| Some((name, value?.replace('\0', "")))).collect()
}
