//! Torture at any length: `cargo xtask torture` runs it.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use tests::torture::{differential, oracle, targets};

/// Compares what nobody would send, in great numbers.
#[derive(Parser)]
#[command(name = "torture")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Mutated frames through the responder on the host and the program in the kernel. Needs root.
    Frames {
        /// How many.
        #[arg(long, default_value_t = 10_000_000)]
        frames: u64,
        /// What all of them follow from; another one each time unless told.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Queries, valid and not, to the slow path and to NSD and Knot. Needs root.
    Queries {
        /// How many.
        #[arg(long, default_value_t = 100_000)]
        queries: u64,
        /// What all of them follow from; another one each time unless told.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Writes the vectors as inputs of a fuzz target.
    Seeds { target: String, directory: PathBuf },
}

fn main() -> ExitCode {
    match run(Arguments::parse().what) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("torture: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(what: What) -> Result<()> {
    match what {
        What::Frames { frames, seed } => {
            let seed = seed.unwrap_or_else(|| fastrand::u64(..));
            println!("{frames} frames of seed {seed}");
            print!("{}", differential::run(seed, frames)?.text());
        }
        What::Queries { queries, seed } => {
            let seed = seed.unwrap_or_else(|| fastrand::u64(..));
            println!("{queries} queries of seed {seed}");
            print!("{}", oracle::run(seed, queries)?.text());
        }
        What::Seeds { target, directory } => {
            fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
            for (number, seed) in targets::seeds(&target)?.iter().enumerate() {
                let file = directory.join(format!("vector-{number:04}"));
                fs::write(&file, seed).with_context(|| format!("writing {}", file.display()))?;
            }
        }
    }
    Ok(())
}
