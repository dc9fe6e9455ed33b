//! How fast tgdns is: the program behind `cargo xtask bench`. Needs root.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Parser;
use tests::bench::{
    committed::Ratios,
    growth,
    harness::Floor,
    kinds::{self, Effort},
    machine, plot, report,
};

/// In the repository.
const RATIOS: &str = "docs/benchmarks/ratios.toml";

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
    let floor = Floor::read(&arguments.floor)?;
    let machine = machine::described()?;
    println!("{machine}\n");
    if arguments.ratios {
        return ratios(&floor);
    }
    let output = arguments.write.as_deref().map(Output::new);
    let effort = if arguments.quick {
        Effort { repeat: 200_000, rounds: 9 }
    } else {
        // 16 M runs of each, so that as many clients come.
        Effort { repeat: 1 << 20, rounds: 16 }
    };
    frames(&floor, effort, &machine, output.as_ref())?;
    let effort = if arguments.quick { Effort { repeat: 100_000, rounds: 7 } } else { effort };
    growth(&floor, effort, &machine, output.as_ref())
}

/// What one frame of each kind costs, and what became worse.
fn ratios(floor: &Floor) -> Result<()> {
    let costs = on_one_processor(|| kinds::measure(floor, Effort { repeat: 100_000, rounds: 7 }))?;
    println!("{}", costs.table()?);
    let worse = Ratios::of(&costs.rows).worse_than(&Ratios::read(Path::new(RATIOS))?);
    for sentence in &worse {
        println!("slower than committed: {sentence}");
    }
    if worse.is_empty() {
        println!("no ratio is above 1.25 times the committed one");
    }
    Ok(())
}

/// What one frame of each kind costs.
fn frames(floor: &Floor, effort: Effort, machine: &str, output: Option<&Output>) -> Result<()> {
    let costs = on_one_processor(|| kinds::measure(floor, effort))?;
    let text = format!("{}\n![net ns by kind of frame](docs/benchmarks/frames.svg)\n", costs.table()?);
    println!("{text}");
    if let Some(output) = output {
        output.section("frames", &format!("{}\n\n{text}", measured(machine, effort)))?;
        plot::frames(&output.picture("frames"), &costs.rows)?;
        Ratios::of(&costs.rows).write(&output.0.join(RATIOS))?;
    }
    Ok(())
}

/// What an answer costs as things grow.
fn growth(floor: &Floor, effort: Effort, machine: &str, output: Option<&Output>) -> Result<()> {
    let curves = on_one_processor(|| growth::measure(floor, effort))?;
    let text = growth::tables(&curves)?;
    println!("{text}");
    if let Some(output) = output {
        output.section("growth", &format!("{}\n\n{text}", measured(machine, effort)))?;
        for curve in &curves {
            plot::curve(&output.picture(curve.name), curve)?;
        }
    }
    Ok(())
}

fn measured(machine: &str, Effort { repeat, rounds }: Effort) -> String {
    format!("{machine} {rounds} rounds in turns, {repeat} runs each.")
}

/// The repository that the figures are written into.
struct Output(PathBuf);

impl Output {
    fn new(repository: &Path) -> Self {
        Self(repository.to_owned())
    }

    fn section(&self, name: &str, text: &str) -> Result<()> {
        report::write(&self.0.join("BENCHMARKS.md"), name, text)
    }

    fn picture(&self, name: &str) -> PathBuf {
        self.0.join("docs/benchmarks").join(name).with_extension("svg")
    }
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
