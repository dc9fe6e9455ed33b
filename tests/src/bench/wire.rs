//! tgdns on a wire (a veth pair): how long an answer takes, and what a flood costs.
//!
//! On a veth the program runs on the sender's processor, within its system call, so the machine's time for an answer is that
//! of the thread which asks and of whatever programs answer. What asking alone costs is in it; the fixed program shows that.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use self::{
    load::{Latencies, Load},
    target::Target,
};
use super::{harness::Floor, machine, report::Table};
use crate::lab::{lock::Lock, run::Run};

mod load;
mod peer;
mod target;
mod tools;

/// The name that all of them serve, with three addresses.
const NAME: &str = "internet.intern.netz";
/// Queries per second while latencies are measured.
const RATE: u32 = 20_000;

/// How long, how often in turns, and whether other people's servers are asked as well.
#[derive(Clone, Copy)]
pub struct Effort {
    pub time: Duration,
    pub rounds: usize,
    pub peers: bool,
}

/// What one of them came to.
pub struct Row {
    pub name: &'static str,
    /// At a steady rate, of the round with the least median.
    pub latencies: Latencies,
    /// Of the queries of a flood, in percent, and per second: the median of all rounds.
    pub answered: f64,
    pub per_second: f64,
    /// Microseconds for an answer of a flood: the least of all rounds.
    pub machine_time: f64,
    /// What other people's clients say, where peers are asked.
    pub tools: Option<tools::Words>,
}

/// All of them in turns.
pub fn measure(floor: &Floor, effort: Effort) -> Result<Vec<Row>> {
    // Another scene on the same processors would stretch the times.
    let _turn = Lock::wait(&std::env::temp_dir().join("tgdns-lab.scene"), || {})?;
    let run = Run::start()?;
    let mut targets = vec![Target::fixed(&run, floor)?, Target::tgdns(&run)?, Target::sockets(&run)?];
    if effort.peers {
        for peer in peer::Peer::ALL {
            targets.push(Target::peer(&run, peer).with_context(|| peer.name())?);
        }
    }
    let mut rounds: Vec<Vec<(Latencies, load::Flood)>> = targets.iter().map(|_| vec![]).collect();
    for _ in 0..effort.rounds {
        for (target, rounds) in targets.iter_mut().zip(&mut rounds) {
            let latencies =
                machine::on_one_processor(|| Load::new(&target.socket)?.steadily(RATE, effort.time))?;
            let busy = target.processor_time()?;
            let mut flood = machine::on_one_processor(|| Load::new(&target.socket)?.flood(effort.time))?;
            flood.processor_time += target.processor_time()? - busy;
            rounds.push((latencies, flood));
            target.check()?;
        }
    }
    let mut rows = Vec::new();
    for (target, rounds) in targets.iter_mut().zip(rounds) {
        let mut row = row(target.name, rounds)?;
        if effort.peers {
            row.tools = Some(tools::measure(&run, target, effort.time).with_context(|| target.name)?);
            target.check()?;
        }
        rows.push(row);
    }
    Ok(rows)
}

/// As a table in Markdown.
pub fn table(rows: &[Row]) -> String {
    let mut table = Table::new(&[
        "who answers",
        "latency at 20,000/s, µs (p50 / p90 / p99 / p99.9)",
        "of a flood answered",
        "answers per second",
        "machine time per answer",
        "of the floor's",
    ]);
    for row in rows {
        table.row(&[
            row.name.into(),
            row.latencies.to_string(),
            format!("{:.1} %", row.answered),
            format!("{:.0}", row.per_second),
            format!("{:.2} µs", row.machine_time),
            format!("{:.2}", row.machine_time / rows[0].machine_time),
        ]);
    }
    let asked: Vec<_> = rows.iter().filter_map(|row| Some((row.name, row.tools.as_ref()?))).collect();
    if asked.is_empty() { table.to_string() } else { format!("{table}\n{}", tools::table(&asked)) }
}

fn row(name: &'static str, rounds: Vec<(Latencies, load::Flood)>) -> Result<Row> {
    ensure!(!rounds.is_empty(), "nothing was measured");
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let floods = || rounds.iter().map(|(_, flood)| flood);
    let answered = median(floods().map(|flood| 100.0 * flood.answered as f64 / flood.sent as f64).collect());
    let per_second = median(floods().map(|flood| flood.answered as f64 / flood.time.as_secs_f64()).collect());
    let machine_time = floods()
        .map(|flood| flood.processor_time.as_secs_f64() * 1e6 / flood.answered as f64)
        .fold(f64::INFINITY, f64::min);
    let latencies = rounds.into_iter().map(|(latencies, _)| latencies).min_by_key(|latencies| latencies.p50);
    let latencies = latencies.unwrap_or_default();
    Ok(Row { name, latencies, answered, per_second, machine_time, tools: None })
}
