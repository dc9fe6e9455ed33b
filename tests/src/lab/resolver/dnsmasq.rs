//! dnsmasq.

use anyhow::Result;

use super::{Recipe, strings};
use crate::lab::program;

/// The arguments of Debian's service. It listens everywhere, and answers to its own network.
pub(super) fn recipe() -> Result<Recipe> {
    const FILES: &str = "--conf-dir=/etc/dnsmasq.d,.dpkg-dist,.dpkg-old,.dpkg-new";
    Ok(Recipe {
        program: program::path("dnsmasq")?,
        arguments: strings(&[
            FILES,
            "--local-service",
            "--keep-in-foreground",
            "--user=root",
            "--pid-file=",
            "--log-facility=-",
        ]),
        checker: Some(("dnsmasq", strings(&["--test", FILES]))),
        files: Vec::new(),
        empty: &["/run"],
        complaints: &[],
    })
}
