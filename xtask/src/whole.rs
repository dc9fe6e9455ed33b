//! `cargo xtask whole`

use std::{ffi::OsString, process::Command};

use anyhow::Result;

use crate::{
    process,
    setup::{self, Group},
};

/// XDP needs root; the build does not. In the release profile this program alone: each takes a minute to link.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    setup::run(&[Group::Build])?;
    process::run(process::cargo().args(["build", "--release", "--package", "tests", "--bin", "whole"]))?;
    let whole = process::target().join("release/whole");
    let mut command = if process::is_root() {
        Command::new(&whole)
    } else {
        let mut sudo = Command::new("sudo");
        sudo.arg("--preserve-env").arg(&whole);
        sudo
    };
    process::run(command.args(arguments))
}
