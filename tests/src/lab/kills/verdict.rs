//! What the controller says of the deaths.

use std::time::SystemTime;

use anyhow::{Context as _, Result};

use crate::lab::loadbalancer::LoadBalancer;

/// A server that was up is taken for dead.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    /// In whole milliseconds, rounded down.
    pub(super) at: SystemTime,
    pub(super) server: String,
    pub(super) cause: String,
}

impl Verdict {
    /// All that `tgdns history` knows of.
    pub(super) fn all(load_balancer: &LoadBalancer) -> Result<Vec<Self>> {
        let history = load_balancer.json("history")?;
        let changes = history["changes"].as_array().context("a history without changes")?;
        let deaths = changes.iter().filter(|change| change["to"] == "down");
        deaths
            .map(|change| {
                let text = |key: &str| change[key].as_str().with_context(|| format!("no {key}: {change}"));
                Ok(Self {
                    at: humantime::parse_rfc3339(text("at")?)?,
                    server: text("server")?.to_owned(),
                    cause: text("cause")?.to_owned(),
                })
            })
            .collect()
    }
}
