//! `cargo xtask whole`

use anyhow::Result;
use clap::Args;

use crate::{
    process,
    setup::{self, Group},
};

/// How long it takes.
#[derive(Args)]
pub(crate) struct Length {
    /// So many publications.
    #[arg(long, default_value_t = 1_000_000)]
    publications: u64,
}

/// The test of that name at length, in the release profile. It tells how far it is.
pub(crate) fn run(length: &Length) -> Result<()> {
    setup::run(&[Group::Build])?;
    let mut cargo = process::cargo_as_root();
    cargo.args(["test", "--release", "--package", "tests", "--test", "whole_answers", "--", "--nocapture"]);
    process::run(cargo.env("TGDNS_PUBLICATIONS", length.publications.to_string()))
}
