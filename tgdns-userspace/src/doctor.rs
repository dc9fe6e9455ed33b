//! What of a host and its interfaces keeps the fast path from line rate, with the command that mends it.
//!
//! [`Host`] and [`Interface`] are read, changing nothing; findings follow from them, purely. docs/tuning.md says more of each.

mod host;
mod interface;

use serde::Serialize;

pub use host::Host;
pub use interface::{Interface, Interrupts};

/// What is found on one subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// An interface, or `host`.
    pub subject: String,
    /// What was looked at: one word, the same in every run.
    pub check: &'static str,
    pub state: State,
    /// For people.
    pub text: String,
    /// A command, where one mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Something could be better.
    Advice,
    /// The kernel, or the driver, does not tell.
    Unknown,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Advice => "advice",
            Self::Unknown => "unknown",
        }
    }
}

/// Everything about the host, then everything about each interface.
pub fn findings(host: &Host, interfaces: &[Interface]) -> Vec<Finding> {
    host.findings()
        .into_iter()
        .chain(interfaces.iter().flat_map(|interface| interface.findings(host)))
        .collect()
}

/// Aligned text, remedies below what they mend.
pub fn render(findings: &[Finding]) -> String {
    let mut text = String::new();
    let mut subject = "";
    for finding in findings {
        if finding.subject != subject {
            subject = &finding.subject;
            text.push_str(&format!("{subject}\n"));
        }
        text.push_str(&format!("  {:<7}  {:<10}  {}\n", finding.state.as_str(), finding.check, finding.text));
        if let Some(remedy) = &finding.remedy {
            text.push_str(&format!("{:23}{remedy}\n", ""));
        }
    }
    let advice = findings.iter().filter(|finding| finding.state == State::Advice).count();
    text.push_str(&match advice {
        0 => "nothing to advise\n".to_owned(),
        1 => "1 piece of advice\n".to_owned(),
        advice => format!("{advice} pieces of advice\n"),
    });
    text
}

/// A finding on the way, before anybody knows of whom.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    state: State,
    text: String,
    remedy: Option<String>,
}

impl Verdict {
    fn ok(text: impl Into<String>) -> Self {
        Self { state: State::Ok, text: text.into(), remedy: None }
    }

    fn unknown(text: impl Into<String>) -> Self {
        Self { state: State::Unknown, text: text.into(), remedy: None }
    }

    fn advice(text: impl Into<String>) -> Self {
        Self { state: State::Advice, text: text.into(), remedy: None }
    }

    fn with(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    fn on(self, subject: &str, check: &'static str) -> Finding {
        let Self { state, text, remedy } = self;
        Finding { subject: subject.to_owned(), check, state, text, remedy }
    }
}

/// "1 queue", "2 queues".
fn counted(count: impl Into<u64>, what: &str) -> String {
    let count = count.into();
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// A list of CPUs as the kernel writes it: `0-3,8`.
fn cpus(list: &str) -> Option<Vec<u32>> {
    let ranges = list.trim().split(',').filter(|range| !range.is_empty()).map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse().ok()?..=last.parse().ok()?)
    });
    Some(ranges.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
