//! The XDP programs that the fast path is measured beside (tests/floor).

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use crate::{process, setup::Toolchain};

pub(crate) const PACKAGE: &str = "tgdns-floor";
const TARGET: &str = "bpfel-unknown-none";

/// As in tgdns-userspace/build.rs: the fast path is compiled alike.
const FLAGS: [&str; 4] = [
    "-Cdebuginfo=2",
    "-Clink-arg=--btf",
    "-Ctarget-cpu=v3",
    "-Clink-arg=--cpu-features=+allows-misaligned-mem-access",
];

/// Builds them, and returns the object's path.
pub(crate) fn build() -> Result<PathBuf> {
    let toolchain = Toolchain::choose()?;
    let directory = process::target().join("floor");
    let mut cargo = Command::new("rustup");
    cargo.args(["run", toolchain.name(), "cargo", "build", "--quiet", "--release"]);
    cargo.args(["--package", PACKAGE, "--target", TARGET]).args(toolchain.cargo_arguments());
    cargo.arg("--target-dir").arg(&directory).current_dir(process::repository());
    let architecture = std::env::consts::ARCH;
    let flags = format!("{}\x1f--cfg=bpf_target_arch=\"{architecture}\"", FLAGS.join("\x1f"));
    cargo.env("RUSTC_BOOTSTRAP", "aya_ebpf,tgdns_floor").env("CARGO_ENCODED_RUSTFLAGS", flags);
    for variable in ["RUSTC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTUP_TOOLCHAIN"] {
        cargo.env_remove(variable);
    }
    process::run(&mut cargo)?;
    Ok(directory.join(TARGET).join("release").join(PACKAGE))
}
