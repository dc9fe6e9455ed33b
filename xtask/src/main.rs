//! The project's tasks: `cargo xtask TASK`.

mod bench;
mod build;
mod chaos;
mod demo;
mod floor;
mod lint;
mod lossless;
mod process;
mod setup;
mod test;
mod test_kernels;
mod torture;
mod whole;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser;

use crate::setup::Group;

/// Sets up, builds, checks and shows tgdns.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Installs what is missing on this machine: eBPF toolchain, bpf-linker, the lab's and the kernels' programs.
    Setup,
    /// Builds everything, the XDP program included.
    Build,
    /// Checks the format, and lints the host's crates and the XDP program.
    Lint,
    /// Runs everything: setup, lint, build, all tests, then the kernels.
    Test,
    /// Boots Debian's 6.1, 6.12 and newest cloud kernels in QEMU: load, attach, the vectors on a veth, a bond and virtio_net,
    /// upgrade and self-test in each.
    TestKernels {
        /// Kernels to boot in place of the usual three, as the beginning of a version, such as 6.18.
        series: Vec<String>,
    },
    /// Compares and fuzzes at length: host and kernel, slow path and other people's servers; then Miri.
    Torture(torture::Lengths),
    /// Plays faults at random in a lab of two load balancers, while viewers ask and connect: kills, hangs, upgrades, reloads, drains,
    /// link flaps, lost packets, clock jumps, a full disk, floods. Ends with a table of what was seen.
    Chaos {
        /// Passed on: `--minutes N` (20 unless told), `--seed N`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Measures how fast tgdns is beside a floor, and writes BENCHMARKS.md and docs/benchmarks.
    Bench(bench::Options),
    /// Replaces the program 100 times, and reloads 100 times, under a million queries each, of which none may be lost.
    Lossless,
    /// Asks all the time while answers are published a million times: each has to be one publication's, whole.
    Whole {
        /// Passed on: `--publications N` (1,000,000 unless told).
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Shows a cluster behind NAT in network namespaces: a server dies, the answer follows.
    Demo {
        /// Passed on to the demo; `cargo xtask demo -- --help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let outcome = match Task::parse() {
        Task::Setup => setup::run(&Group::ALL),
        Task::Build => setup::run(&[Group::Build]).and_then(|()| build::run()),
        Task::Lint => setup::run(&[Group::Build]).and_then(|()| lint::run()),
        Task::Test => test::run(),
        Task::TestKernels { series } => {
            setup::run(&[Group::Build, Group::Kernels]).and_then(|()| test_kernels::run(&series))
        }
        Task::Torture(lengths) => torture::run(&lengths),
        Task::Chaos { arguments } => chaos::run(&arguments),
        Task::Bench(options) => bench::run(&options),
        Task::Lossless => lossless::run(),
        Task::Whole { arguments } => whole::run(&arguments),
        Task::Demo { arguments } => demo::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
