//! What a guest's console says about its kernel.

use std::time::Duration;

use super::{guest::Run, packages::Kernel};

pub(crate) struct Verdict {
    pub(crate) version: String,
    pub(crate) took: Duration,
    pub(crate) log: String,
    /// The end of each step in `STEPS`; `None` where it was not reached.
    steps: [Option<bool>; STEPS.len()],
    tests: Tests,
    /// Which upstream release Debian built: the version of the 6.1 series does not tell.
    release: String,
    /// Of the verifier, where the kernel tests tell.
    instructions: Option<u32>,
    fault: Option<String>,
}

#[derive(Default, Debug, PartialEq, Eq)]
struct Tests {
    passed: u32,
    failed: u32,
}

/// As `init.sh` calls them.
const STEPS: [&str; 9] = ["load", "native", "generic", "vlan", "devices", "veth", "bond", "virtio", "tests"];

/// With one of these in it, a run that reached its end is no success either.
const FAULTS: [&str; 4] = ["Kernel panic", "BUG:", "Oops:", "WARNING: CPU"];

impl Verdict {
    pub(crate) fn read(kernel: &Kernel, run: Run) -> Self {
        let steps = STEPS.map(|step| outcome(&run.log, step));
        let fault = run.log.lines().find(|line| FAULTS.iter().any(|fault| line.contains(fault)));
        let fault = match fault {
            Some(line) => Some(line.trim().to_owned()),
            None if run.timed_out => Some(format!("not done after {:.0} s", run.took.as_secs_f32())),
            None if !run.log.contains("@ end") => Some("ended before its time".to_owned()),
            None => None,
        };
        Self {
            version: kernel.version.clone(),
            took: run.took,
            steps,
            tests: tests(&run.log),
            release: release(&run.log),
            instructions: instructions(&run.log),
            fault,
            log: run.log,
        }
    }

    /// Of a kernel that could not even be booted.
    pub(crate) fn not_run(kernel: &Kernel, error: &anyhow::Error) -> Self {
        Self {
            version: kernel.version.clone(),
            took: Duration::ZERO,
            log: String::new(),
            steps: [None; STEPS.len()],
            tests: Tests::default(),
            release: String::new(),
            instructions: None,
            fault: Some(format!("{error:#}")),
        }
    }

    pub(crate) fn passed(&self) -> bool {
        self.fault.is_none()
            && self.steps.iter().all(|step| *step == Some(true))
            && self.tests.failed == 0
            && self.tests.passed > 0
    }

    pub(crate) fn word(&self) -> &'static str {
        if self.passed() { "passed" } else { "failed" }
    }

    pub(crate) fn reason(&self) -> String {
        let failed: Vec<_> = STEPS
            .iter()
            .zip(self.steps)
            .filter(|(_, step)| *step == Some(false))
            .map(|(name, _)| *name)
            .collect();
        match &self.fault {
            Some(fault) => fault.clone(),
            None if failed.is_empty() => "no test ran".to_owned(),
            None => format!("failed: {}", failed.join(", ")),
        }
    }
}

/// As Markdown, so that `docs/kernels.md` can have it as it is.
pub(crate) fn table(verdicts: &[Verdict]) -> String {
    let mut rows = vec![["kernel", "release", "verdict"].map(str::to_owned).to_vec()];
    rows[0].extend(STEPS.map(str::to_owned));
    rows[0].extend(["tests passed", "verifier instructions", "time"].map(str::to_owned));
    rows.push(vec!["---".to_owned(); rows[0].len()]);
    for verdict in verdicts {
        let step = |step: &Option<bool>| match step {
            Some(true) => "ok",
            Some(false) => "failed",
            None => "-",
        };
        let mut row = vec![verdict.version.clone(), verdict.release.clone(), verdict.word().to_owned()];
        row.extend(verdict.steps.iter().map(|outcome| step(outcome).to_owned()));
        row.push(format!("{} of {}", verdict.tests.passed, verdict.tests.passed + verdict.tests.failed));
        row.push(verdict.instructions.map_or("-".to_owned(), |count| count.to_string()));
        row.push(format!("{:.0} s", verdict.took.as_secs_f32()));
        rows.push(row);
    }
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or_default())
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    rows.iter().map(line).collect()
}

/// The last line of a step counts: a panic in between may have cut off an earlier one.
fn outcome(log: &str, step: &str) -> Option<bool> {
    let line =
        log.lines().rev().find_map(|line| line.strip_prefix("@ ")?.strip_prefix(step)?.strip_prefix(' '))?;
    Some(line == "ok")
}

/// From the guest's `uname -v`, `#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-10-30)`.
fn release(log: &str) -> String {
    let line = log.lines().find(|line| line.starts_with("@ kernel ")).unwrap_or_default();
    let (_, after) = line.split_once("Debian ").unwrap_or_default();
    after.split_whitespace().next().unwrap_or("-").to_owned()
}

/// Adds up libtest's lines, `test result: ok. 12 passed; 0 failed; …`.
fn tests(log: &str) -> Tests {
    let mut tests = Tests::default();
    for line in log.lines().filter(|line| line.contains("test result: ")) {
        tests.passed += before(line, " passed;").unwrap_or(0);
        tests.failed += before(line, " failed;").unwrap_or(0);
    }
    tests
}

/// From a line of the kernel tests, `the verifier walked 123456 instructions`.
fn instructions(log: &str) -> Option<u32> {
    log.lines().find_map(|line| before(line.split_once("the verifier walked ")?.1, " instructions"))
}

fn before(line: &str, word: &str) -> Option<u32> {
    line.split_once(word)?.0.split_whitespace().last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, time::Duration};

    use super::{Kernel, Run, Tests, Verdict};

    const GOOD: &str = "@ kernel 6.1.0-56 #1 SMP Debian 6.1.192-2 (date)\n@ load ok\n@ native ok\n@ generic ok\n@ vlan ok\n@ devices ok\n@ veth ok\n@ bond ok\n@ virtio ok\n\
        ---- the_verifier_is_not_worn_out stdout ----\nthe verifier walked 4711 instructions\n\
        test result: ok. 12 passed; 0 failed; 0 ignored\n@ tests ok\n@ end\n";

    #[test]
    fn verdicts_of_logs() {
        for (what, log, passed) in [
            ("all is well", GOOD.to_owned(), true),
            ("a step failed", GOOD.replace("native ok", "native failed"), false),
            ("a step is absent", GOOD.replace("@ generic ok\n", ""), false),
            ("a test failed", GOOD.replace("12 passed; 0 failed", "11 passed; 1 failed"), false),
            ("no test ran", GOOD.replace("12 passed", "0 passed"), false),
            ("the end is absent", GOOD.replace("@ end\n", ""), false),
            ("the kernel warned", format!("[ 1.0] WARNING: CPU: 0 PID: 1\n{GOOD}"), false),
        ] {
            assert_eq!(read(&log, false).passed(), passed, "{what}");
        }
        assert!(!read(GOOD, true).passed(), "out of time");
    }

    #[test]
    fn figures_of_a_log() {
        let verdict = read(GOOD, false);
        assert_eq!(verdict.tests, Tests { passed: 12, failed: 0 });
        assert_eq!(verdict.instructions, Some(4711));
        assert_eq!(verdict.release, "6.1.192-2");
    }

    fn read(log: &str, timed_out: bool) -> Verdict {
        let kernel = Kernel { version: "6.1.0".to_owned(), folder: PathBuf::new(), image: PathBuf::new() };
        Verdict::read(&kernel, Run { log: log.to_owned(), took: Duration::from_secs(5), timed_out })
    }
}
