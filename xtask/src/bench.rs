//! `cargo xtask bench`

use std::{path::Path, process::Command};

use anyhow::Result;
use clap::Args;

use crate::{
    floor, process,
    setup::{self, Group},
};

/// How long it takes, and beside whom.
#[derive(Args)]
pub(crate) struct Options {
    /// Fewer and shorter measurements: two minutes in place of fifteen.
    #[arg(long)]
    quick: bool,
    /// NSD, Knot with and without XDP, gdnsd and dnsdist, too, by the same load; installs them.
    #[arg(long)]
    peers: bool,
    /// These parts alone: `frames`, `growth`, `wire`, `update`, `start`.
    #[arg(long)]
    only: Vec<String>,
}

/// Builds in the release profile, measures, and writes BENCHMARKS.md and docs/benchmarks.
pub(crate) fn run(options: &Options) -> Result<()> {
    let groups = [Group::Build, Group::Lab, Group::Peers];
    setup::run(if options.peers { &groups } else { &groups[..2] })?;
    let floor = floor::build()?;
    // No other program of the workspace: each takes a minute to link.
    let build = "build --release --package tests --bin bench --package tgdns-userspace --bin tgdns";
    process::run(process::cargo().args(build.split(' ')))?;
    let mut bench = program("release", &floor);
    bench.arg("--write").arg(process::repository());
    if options.quick {
        bench.arg("--quick");
    }
    if options.peers {
        bench.arg("--peers");
    }
    bench.args(options.only.iter().flat_map(|part| ["--only", part]));
    process::run(&mut bench)
}

/// What a frame costs, held against the committed ratios: for `cargo xtask test`, after its build. Half a minute. It fails where
/// nothing can be measured, never because something is slow.
pub(crate) fn ratios() -> Result<()> {
    let floor = floor::build()?;
    process::run(program("debug", &floor).arg("--ratios"))
}

/// XDP needs root; the build does not.
fn program(profile: &str, floor: &Path) -> Command {
    let path = process::target().join(profile).join("bench");
    let mut command = if process::is_root() {
        Command::new(&path)
    } else {
        let mut sudo = Command::new("sudo");
        sudo.arg("--preserve-env").arg(&path);
        sudo
    };
    command.arg(floor).current_dir(process::repository());
    command
}
