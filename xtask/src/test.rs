//! `cargo xtask test`

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::{
    bench, build, lint, process,
    setup::{self, Group},
    test_kernels,
};

/// Runs every stage, also after one that failed, unless nothing can be built. What the runners print of themselves is
/// the summary: libtest's `test result` lines, the ratios to the floor, and the kernels' table and count at the end.
pub(crate) fn run() -> Result<()> {
    let started = Instant::now();
    setup::run(&Group::ALL)?;
    let mut failed = Vec::new();
    let mut stage = |name: &'static str, work: &dyn Fn() -> Result<()>| {
        println!("\n== {name} (after {:.0} s)", started.elapsed().as_secs_f32());
        let outcome = work();
        if let Err(error) = &outcome {
            eprintln!("{name}: {error:#}");
            failed.push(name);
        }
        outcome.is_ok()
    };
    stage("lint", &lint::run);
    if stage("build", &build::run) {
        stage("tests", &tests);
        stage("ratios", &bench::ratios);
        stage("kernels", &|| test_kernels::run(&[]));
    }
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

/// Every crate's tests.
fn tests() -> Result<()> {
    process::run(process::cargo_as_root().args(["test", "--no-fail-fast"]))
}
