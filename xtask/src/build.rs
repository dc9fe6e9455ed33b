//! `cargo xtask build`

use anyhow::Result;

use crate::process;

/// Builds every default member with its tests; the build script of the controller builds the XDP program.
pub(crate) fn run() -> Result<()> {
    process::run(process::cargo().args(["build", "--all-targets"]))
}
