//! `cargo xtask demo`

use std::{env, ffi::OsString, os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, Result};

use crate::{
    process,
    setup::{self, Group},
};

/// Becomes the demo, so that Ctrl-C reaches it alone and the shell waits until it has cleaned up.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    setup::run(&[Group::Build, Group::Lab])?;
    process::run(process::cargo().args(["build", "--bins"]))?;
    let demo = process::target().join("debug/demo");
    let mut command = if process::is_root() {
        Command::new(&demo)
    } else {
        // Network namespaces and XDP need root; the build does not.
        let mut sudo = Command::new("sudo");
        sudo.arg("--preserve-env").arg(&demo);
        sudo
    };
    let error = command.args(arguments).current_dir(env::current_dir()?).exec();
    Err(error).with_context(|| format!("cannot start `{}`", process::line(&command)))
}
