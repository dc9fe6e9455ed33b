//! Chaos at any length: `cargo xtask chaos` runs it.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use tests::chaos;

/// Faults at random in a lab of two load balancers, while viewers ask and connect. Needs root.
#[derive(Parser)]
#[command(name = "chaos")]
struct Arguments {
    /// How long.
    #[arg(long, default_value_t = 20)]
    minutes: u64,
    /// What the faults follow from; another one each time unless told.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let Arguments { minutes, seed } = Arguments::parse();
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("{minutes} minutes of seed {seed}: `cargo xtask chaos --seed {seed}` makes the same faults");
    match chaos::run(seed, Duration::from_secs(60 * minutes), &|told| println!("{told}")) {
        Ok(figures) => {
            print!("\n{figures}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}
