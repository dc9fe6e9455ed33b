//! `cargo xtask lossless`

use anyhow::Result;

use crate::{
    process,
    setup::{self, Group},
};

/// The tests of that name that are too long for `cargo xtask test`, one after the other.
pub(crate) fn run() -> Result<()> {
    setup::run(&[Group::Build, Group::Lab])?;
    let mut cargo = process::cargo_as_root();
    cargo.args(["test", "--package", "tests", "--test", "binary", "lossless", "--"]);
    process::run(cargo.args(["--ignored", "--nocapture", "--test-threads=1"]))
}
