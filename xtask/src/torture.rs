//! `cargo xtask torture`

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::{
    process,
    setup::{self, Group},
};

/// The fuzz targets, each a file in `tests/fuzz/fuzz_targets`.
const TARGETS: [&str; 3] = ["frame", "message", "tcp_stream"];
const NIGHTLY: &str = "rustup toolchain install nightly --profile minimal";
const MIRI: &str = "rustup component add --toolchain nightly miri rust-src";

/// How long it takes.
#[derive(Args)]
pub(crate) struct Lengths {
    /// Mutated frames through host and kernel.
    #[arg(long, default_value_t = 10_000_000)]
    frames: u64,
    /// Generated queries to the slow path, NSD and Knot.
    #[arg(long, default_value_t = 100_000)]
    queries: u64,
    /// Of each fuzz target.
    #[arg(long, default_value_t = 5)]
    minutes: u64,
    /// What frames and queries follow from; another one each time unless told.
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs every stage, also after one that failed.
pub(crate) fn run(lengths: &Lengths) -> Result<()> {
    let started = Instant::now();
    setup::run(&[Group::Build, Group::Lab])?;
    process::run(process::cargo().args(["build", "--package", "tests", "--bins"]))?;
    let mut failed = Vec::new();
    let mut stage = |name: &str, outcome: &dyn Fn() -> Result<()>| {
        println!("\n== {name} (after {:.0} s)", started.elapsed().as_secs_f32());
        if let Err(error) = outcome() {
            eprintln!("{name}: {error:#}");
            failed.push(name.to_owned());
        }
    };
    stage("frames", &|| compare("frames", lengths.frames, lengths.seed));
    stage("queries", &|| compare("queries", lengths.queries, lengths.seed));
    for target in TARGETS {
        stage(&format!("fuzz {target}"), &|| fuzz(target, lengths.minutes));
    }
    stage("miri", &miri);
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

/// By the program of the tests that is named after this task.
fn compare(what: &str, count: u64, seed: Option<u64>) -> Result<()> {
    let program = process::target().join("debug/torture");
    let mut command = if process::is_root() {
        Command::new(&program)
    } else {
        // Network namespaces and XDP need root; the build does not.
        let mut sudo = Command::new("sudo");
        sudo.arg("--preserve-env").arg(&program);
        sudo
    };
    command.arg(what).arg(format!("--{what}")).arg(count.to_string());
    if let Some(seed) = seed {
        command.arg("--seed").arg(seed.to_string());
    }
    process::run(&mut command)
}

/// From the committed corpus and the vectors on; what it learns stays in the target folder.
fn fuzz(target: &str, minutes: u64) -> Result<()> {
    let cargo_fuzz = cargo_fuzz()?;
    let learnt = process::target().join("fuzz").join(target);
    let seeds = process::target().join("fuzz-seeds").join(target);
    fs::create_dir_all(&learnt).with_context(|| format!("creating {}", learnt.display()))?;
    let program = process::target().join("debug/torture");
    process::run(Command::new(program).args(["seeds", target]).arg(&seeds))?;
    let tests = process::repository().join("tests");
    let committed = tests.join("fuzz/corpus").join(target);
    // Zero would mean for ever.
    let seconds = format!("-max_total_time={}", (60 * minutes).max(1));
    let mut command = nightly(Some(&cargo_fuzz));
    command.args(["fuzz", "run", "--fuzz-dir", "fuzz", target]).args([&learnt, &committed, &seeds]);
    command.args(["--", &seconds, "-timeout=10", "-max_len=2048", "-print_final_stats=1", "-verbosity=0"]);
    process::run(command.current_dir(&tests)).with_context(|| {
        format!(
            "what it found is in tests/fuzz/artifacts/{target}: mend it, make a vector of it, \
             and keep the file in tests/fuzz/regressions/{target}"
        )
    })
}

/// The folder of cargo-fuzz, which is installed where it is missing, as is a nightly compiler.
fn cargo_fuzz() -> Result<PathBuf> {
    let has_nightly = process::output(
        Command::new("rustup").args(["run", "nightly", "rustc", "--version"]).env("RUSTUP_AUTO_INSTALL", "0"),
    );
    if has_nightly.is_none() {
        process::run(Command::new("rustup").args(NIGHTLY.split(' ').skip(1)))
            .with_context(|| format!("fuzzing needs a nightly compiler: {NIGHTLY}"))?;
    }
    if let Some(found) = process::find("cargo-fuzz") {
        return Ok(found.parent().unwrap_or(Path::new("/")).to_path_buf());
    }
    let root = process::target().join("cargo-fuzz");
    if !root.join("bin/cargo-fuzz").is_file() {
        let mut install = process::cargo();
        install.args(["install", "cargo-fuzz", "--locked", "--root"]).arg(&root);
        process::run_behind("installing cargo-fuzz", &mut install)?;
    }
    Ok(root.join("bin"))
}

/// The tests of the responder, in an interpreter that sees what no test does: overflows of bounds, undefined values.
fn miri() -> Result<()> {
    let mut command = nightly(None);
    command.args(["miri", "test", "--package", "tgdns-common"]);
    // The corpus is read from files.
    command.env("MIRIFLAGS", "-Zmiri-disable-isolation");
    process::run(&mut command).with_context(|| format!("if it is Miri that is missing: {MIRI}"))
}

/// The nightly cargo at the top of the repository, with one more folder of programs.
fn nightly(programs: Option<&Path>) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]).current_dir(process::repository());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = programs.map(Path::to_path_buf).into_iter().chain(std::env::split_paths(&path));
    if let Ok(joined) = std::env::join_paths(paths) {
        command.env("PATH", joined);
    }
    // They would choose the compiler that built this program.
    for variable in ["RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "CARGO"] {
        command.env_remove(variable);
    }
    command
}
