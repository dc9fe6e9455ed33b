//! Other people's clients: dnsperf over sockets, kxdpgun over AF_XDP.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result};

use super::{NAME, target::Target};
use crate::{
    bench::{
        cable::{CABLE, SERVER},
        report::Table,
    },
    lab::{
        program,
        run::Run,
        verdict::{Verdict, VerdictProgram},
    },
};

/// More than any of them answers, per second.
const FLOOD: u32 = 1_000_000;

/// What both said.
pub struct Words {
    /// Answers per second to eight clients with 100 queries under way, and the mean latency in microseconds.
    pub dnsperf: (f64, f64),
    /// Answers per second, and their share of the queries in percent.
    pub kxdpgun: (f64, f64),
}

pub(super) fn measure(run: &Run, target: &Target, time: Duration) -> Result<Words> {
    let queries = run.directory().join("queries");
    fs::write(&queries, format!("{NAME} A\n")).context("writing the queries")?;
    let seconds = time.as_secs().max(1).to_string();
    Ok(Words {
        dnsperf: dnsperf(target, &queries, &seconds)?,
        kxdpgun: kxdpgun(run, target, &queries, &seconds)?,
    })
}

pub(super) fn table(asked: &[(&str, &Words)]) -> String {
    let mut table = Table::new(&[
        "who answers",
        "dnsperf, answers per second",
        "dnsperf, mean latency",
        "kxdpgun, answers per second",
        "kxdpgun, answered",
    ]);
    for (name, Words { dnsperf, kxdpgun }) in asked {
        table.row(&[
            (*name).into(),
            format!("{:.0}", dnsperf.0),
            format!("{:.0} µs", dnsperf.1),
            format!("{:.0}", kxdpgun.0),
            format!("{:.0} %", kxdpgun.1),
        ]);
    }
    table.to_string()
}

fn dnsperf(target: &Target, queries: &Path, seconds: &str) -> Result<(f64, f64)> {
    let mut command = target.client.command(tool("dnsperf")?);
    command.args(["-s", &SERVER.to_string(), "-d"]).arg(queries);
    command.args(["-c", "8", "-T", "1", "-q", "100", "-t", "1", "-l", seconds]);
    let said = program::run_command(&mut command)?;
    let rate = number_behind(&said, "Queries per second:")?;
    Ok((rate, number_behind(&said, "Average Latency (s):")? * 1e6))
}

/// Its device may carry no other program; its own lets answers arrive.
fn kxdpgun(run: &Run, target: &Target, queries: &Path, seconds: &str) -> Result<(f64, f64)> {
    let free = || target.client.run("ip", &["link", "set", "dev", CABLE, "xdpdrv", "off"]);
    free()?;
    let mut command = target.client.command(tool("kxdpgun")?);
    command.args(["-t", seconds, "-Q", &FLOOD.to_string(), "-b", "64", "-I", CABLE, "-i"]).arg(queries);
    let said = program::run_command(command.arg(SERVER.to_string()));
    // It may leave its own behind.
    free()?;
    VerdictProgram::load(run, Verdict::Pass)?.attach(&target.client, CABLE)?;
    replies(&said?)
}

/// From its line `total replies: 1180096 (590048 pps) (98%)`.
fn replies(said: &str) -> Result<(f64, f64)> {
    let line = said.lines().find(|line| line.starts_with("total replies:"));
    let line = line.with_context(|| format!("no total of replies: {said}"))?;
    let mut in_brackets = line.split('(').skip(1).map(|part| part.trim_end_matches([' ', ')', '%']));
    let mut next = || -> Result<f64> {
        let part = in_brackets.next().with_context(|| format!("no rate: {line}"))?;
        part.split(' ').next().unwrap_or_default().parse().with_context(|| line.to_owned())
    };
    Ok((next()?, next()?))
}

fn number_behind(said: &str, label: &str) -> Result<f64> {
    let rest = said.split_once(label).with_context(|| format!("no `{label}`: {said}"))?.1;
    rest.split_whitespace().next().unwrap_or_default().parse().with_context(|| format!("{label} {rest}"))
}

fn tool(name: &str) -> Result<std::path::PathBuf> {
    program::path(name).context("`cargo xtask bench --peers` installs it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn their_words_are_understood() -> Result<()> {
        assert_eq!(replies("total queries: 9\ntotal replies: 7 (590048 pps) (98%)\n")?, (590_048.0, 98.0));
        assert!(replies("nothing").is_err());
        let said = "  Queries per second:   123.5\n\n  Average Latency (s):  0.000250 (min 0, max 1)\n";
        assert_eq!(number_behind(said, "Queries per second:")?, 123.5);
        assert_eq!(number_behind(said, "Average Latency (s):")?, 0.00025);
        Ok(())
    }
}
