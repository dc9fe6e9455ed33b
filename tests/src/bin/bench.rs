//! How fast tgdns is: the program behind `cargo xtask bench`. Needs root.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use clap::{Parser, ValueEnum};
use tests::bench::{
    committed::Ratios,
    growth,
    harness::Floor,
    kinds::{self, Effort},
    machine, plot, report, start,
    update::{self, Shape},
    wire,
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
    /// On the wire NSD, Knot, gdnsd and dnsdist, too, and dnsperf and kxdpgun ask all of them.
    #[arg(long)]
    peers: bool,
    /// These parts alone.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// The top of the repository, in which BENCHMARKS.md and docs/benchmarks are written.
    #[arg(long, value_name = "REPOSITORY")]
    write: Option<PathBuf>,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// What a frame of each kind costs.
    Frames,
    /// What an answer costs as clusters, servers, prefixes and clients grow.
    Growth,
    /// Latency and flood on a wire.
    Wire,
    /// From a decision to the first answer by it.
    Update,
    /// From a start to the first answer, and memory.
    Start,
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
    let output = output.as_ref();
    let is_wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let quick = arguments.quick;
    if is_wanted(Part::Frames) {
        let (repeat, rounds) = if quick { (200_000, 9) } else { (1_000_000, 15) };
        frames(&floor, Effort { repeat, rounds }, &machine, output)?;
    }
    if is_wanted(Part::Growth) {
        // At length 16 M runs of each, so that as many clients come.
        let (repeat, rounds) = if quick { (100_000, 7) } else { (1 << 20, 16) };
        growth(&floor, Effort { repeat, rounds }, &machine, output)?;
    }
    if is_wanted(Part::Wire) {
        let (time, rounds) = if quick { (1, 2) } else { (5, 5) };
        let effort = wire::Effort { time: Duration::from_secs(time), rounds, peers: arguments.peers };
        wire(&floor, effort, &machine, output)?;
    }
    if is_wanted(Part::Update) {
        let times = if quick { 50 } else { 500 };
        let measured = Shape::ALL.into_iter().map(|shape| Ok(update::measure(shape, times)?.table()));
        let tables: Vec<String> = measured.collect::<Result<_>>()?;
        section("update", &tables.join("\n"), &machine, output)?;
    }
    if is_wanted(Part::Start) {
        section("start", &start::measure(if quick { 2 } else { 10 })?.text(), &machine, output)?;
    }
    Ok(())
}

/// What one frame of each kind costs, and what became worse.
fn ratios(floor: &Floor) -> Result<()> {
    let costs = machine::on_one_processor(|| kinds::measure(floor, Effort { repeat: 100_000, rounds: 7 }))?;
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
    let costs = machine::on_one_processor(|| kinds::measure(floor, effort))?;
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
    let curves = machine::on_one_processor(|| growth::measure(floor, effort))?;
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

/// What asking over a wire comes to.
fn wire(floor: &Floor, effort: wire::Effort, machine: &str, output: Option<&Output>) -> Result<()> {
    let wire::Effort { time, rounds, peers } = effort;
    let table = wire::table(&wire::measure(floor, effort)?);
    let head = format!("{machine} {rounds} rounds in turns, {} s each.", time.as_secs());
    section(if peers { "peers" } else { "wire" }, &table, &head, output)
}

/// Shows a text, and writes it where it belongs, with what it was measured on.
fn section(name: &str, text: &str, machine: &str, output: Option<&Output>) -> Result<()> {
    println!("{text}\n");
    output.map_or(Ok(()), |output| output.section(name, &format!("{machine}\n\n{text}")))
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
