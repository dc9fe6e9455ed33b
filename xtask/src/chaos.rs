//! `cargo xtask chaos`

use std::{ffi::OsString, process::Command};

use anyhow::Result;

use crate::{
    process,
    setup::{self, Group},
};

/// Network namespaces and XDP need root; the build does not.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    setup::run(&[Group::Build, Group::Lab])?;
    process::run(process::cargo().args(["build", "--bins", "--lib"]))?;
    let chaos = process::target().join("debug/chaos");
    let mut command = if process::is_root() {
        Command::new(&chaos)
    } else {
        let mut sudo = Command::new("sudo");
        sudo.arg("--preserve-env").arg(&chaos);
        sudo
    };
    process::run(command.args(arguments))
}
