//! Whole answers at any length: `cargo xtask whole` runs it.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use tests::whole_answers;

/// Asks all the time while answers are published: each has to be one publication's, whole. Needs root.
#[derive(Parser)]
#[command(name = "whole")]
struct Arguments {
    /// So many publications.
    #[arg(long, default_value_t = 1_000_000)]
    publications: u64,
}

fn main() -> ExitCode {
    let Arguments { publications } = Arguments::parse();
    match whole_answers::run(publications, Duration::ZERO, &|told| println!("{told}")) {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("whole: {error:#}");
            ExitCode::FAILURE
        }
    }
}
