//! How fast tgdns is: the program behind `cargo xtask bench`. Needs root.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Parser;
use tests::bench::{
    committed::Ratios,
    harness::Floor,
    kinds::{self, Effort},
    machine, report,
};

/// Measures tgdns beside a floor of the least that an answer takes.
#[derive(Parser)]
struct Arguments {
    /// The object with the floor's programs.
    floor: PathBuf,
    /// Fewer rounds: two minutes in all.
    #[arg(long)]
    quick: bool,
    /// Nothing but the costs by kind of frame, held against the committed ratios: half a minute.
    #[arg(long)]
    ratios: bool,
    /// The top of the repository, in which BENCHMARKS.md and docs/benchmarks are written.
    #[arg(long, value_name = "REPOSITORY")]
    write: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let machine = machine::described()?;
    println!("{machine}\n");
    let floor = Floor::read(&arguments.floor)?;
    let effort = match (arguments.ratios, arguments.quick) {
        (true, _) => Effort { repeat: 100_000, rounds: 7 },
        (false, true) => Effort { repeat: 200_000, rounds: 9 },
        (false, false) => Effort { repeat: 500_000, rounds: 15 },
    };
    let repository = arguments.write.clone().unwrap_or_else(|| PathBuf::from("."));
    frames(&arguments, &floor, effort, &machine, &repository)
}

/// What one frame of each kind costs.
fn frames(
    arguments: &Arguments,
    floor: &Floor,
    effort: Effort,
    machine: &str,
    repository: &Path,
) -> Result<()> {
    let costs = on_one_processor(|| kinds::measure(floor, effort))?;
    let Effort { repeat, rounds } = effort;
    let table = format!("{machine} {rounds} rounds in turns, {repeat} runs each.\n\n{}", costs.table()?);
    println!("{table}");
    let file = repository.join("docs/benchmarks/ratios.toml");
    let ratios = Ratios::of(&costs.rows);
    if arguments.write.is_some() {
        report::write(&repository.join("BENCHMARKS.md"), "frames", &table)?;
        return ratios.write(&file);
    }
    let worse = ratios.worse_than(&Ratios::read(&file)?);
    for sentence in &worse {
        println!("slower than committed: {sentence}");
    }
    if worse.is_empty() {
        println!("no ratio is above 1.25 times the committed one");
    }
    Ok(())
}

/// On a thread of its own, which stays where it is put.
fn on_one_processor<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            machine::stay_on_one_processor()?;
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
    .context("measuring what a frame costs")
}
