//! `cargo xtask lint`

use std::process::Command;

use anyhow::Result;

use crate::{floor, process, setup::Toolchain};

/// Runs every check, so that one run shows all that is to be mended, and fails if one of them did.
pub(crate) fn run() -> Result<()> {
    let checks = [
        ("format", format()),
        ("the host's crates", host()),
        ("the XDP program", ebpf("tgdns-ebpf", &[])),
        ("the XDP program with its log", ebpf("tgdns-ebpf", &["--features", "log"])),
        ("the floor's XDP programs", ebpf(floor::PACKAGE, &[])),
        ("the controller with the program's log", controller_with_log()),
    ];
    let mut failed = Vec::new();
    for (what, check) in checks {
        if let Err(error) = check {
            eprintln!("lint of {what} failed: {error:#}");
            failed.push(what);
        }
    }
    anyhow::ensure!(failed.is_empty(), "lint failed: {}", failed.join(", "));
    Ok(())
}

fn format() -> Result<()> {
    process::run(process::cargo().args(["fmt", "--all", "--check"]))
}

fn host() -> Result<()> {
    let arguments =
        "clippy --workspace --exclude tgdns-ebpf --exclude tgdns-floor --all-targets -- --deny warnings";
    process::run(process::cargo().args(arguments.split(' ')))
}

/// Debugging alone uses it, so that nobody else would see it rot. The program is compiled and linked with its log, too.
fn controller_with_log() -> Result<()> {
    let arguments = "clippy --package tgdns-userspace --features log-frames -- --deny warnings";
    process::run(process::cargo().args(arguments.split(' ')))
}

/// XDP programs are linted for the target that they run on, by the toolchain that builds them: only there do its
/// `cfg`s and aya's hold. A folder of its own keeps the two compilers from discarding each other's work.
fn ebpf(package: &str, features: &[&str]) -> Result<()> {
    let toolchain = Toolchain::choose()?;
    let mut clippy = Command::new("rustup");
    clippy.args(["run", toolchain.name(), "cargo", "clippy"]);
    clippy.args(["--package", package, "--target", "bpfel-unknown-none"]);
    clippy.args(toolchain.cargo_arguments()).args(features);
    clippy.arg("--target-dir").arg(process::target().join("lint-ebpf"));
    clippy.args(["--", "--deny", "warnings"]).current_dir(process::repository());
    clippy.env("RUSTC_BOOTSTRAP", "aya_ebpf,tgdns_ebpf,tgdns_floor");
    let architecture = std::env::consts::ARCH;
    clippy.env("CARGO_ENCODED_RUSTFLAGS", format!("--cfg=bpf_target_arch=\"{architecture}\""));
    for variable in ["RUSTC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTUP_TOOLCHAIN"] {
        clippy.env_remove(variable);
    }
    process::run(&mut clippy)
}
