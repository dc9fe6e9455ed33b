//! Where the log goes: to stderr, as text or as JSON.
//!
//! Under systemd each line begins with its priority (sd-daemon(3)), which the journal takes off: `journalctl -p warning` finds it.

use std::{
    env,
    io::{self, IsTerminal as _, Write},
};

use tracing::{Level, Metadata};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// What is wrong; as of syslog(3).
const ERROR: u8 = 3;

/// `RUST_LOG` chooses what is logged. The journal has its own timestamps.
pub(crate) fn to_stderr(json: bool) {
    let filter = EnvFilter::builder().with_default_directive(Level::INFO.into()).from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    match (json, stderr_is_journal()) {
        (true, false) => log.with_writer(io::stderr).json().flatten_event(true).init(),
        (true, true) => log.with_writer(Journal).json().flatten_event(true).without_time().init(),
        (false, false) => log.with_writer(io::stderr).with_ansi(io::stderr().is_terminal()).init(),
        (false, true) => log.with_writer(Journal).with_ansi(false).without_time().init(),
    }
}

/// Tells why the program ends.
pub(crate) fn failure(text: &str) {
    let line = format!("{text}\n");
    // Nobody is left to tell where stderr is closed.
    let _ = match stderr_is_journal() {
        true => Prioritized { priority: ERROR, output: io::stderr() }.write_all(line.as_bytes()),
        false => io::stderr().write_all(line.as_bytes()),
    };
}

/// Systemd names the journal's end of it, which stderr need not be any more (systemd.exec(5), `$JOURNAL_STREAM`).
fn stderr_is_journal() -> bool {
    let Ok(stat) = nix::sys::stat::fstat(io::stderr()) else { return false };
    env::var("JOURNAL_STREAM").is_ok_and(|stream| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

struct Journal;

impl<'w> MakeWriter<'w> for Journal {
    type Writer = Prioritized<io::Stderr>;

    fn make_writer(&'w self) -> Self::Writer {
        Prioritized { priority: priority(Level::INFO), output: io::stderr() }
    }

    fn make_writer_for(&'w self, metadata: &Metadata<'_>) -> Self::Writer {
        Prioritized { priority: priority(*metadata.level()), output: io::stderr() }
    }
}

/// As of syslog(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => ERROR,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// Puts a priority before each line of what is written as a whole.
struct Prioritized<Output> {
    priority: u8,
    output: Output,
}

impl<Output: Write> Write for Prioritized<Output> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut lines = Vec::with_capacity(text.len() + 8);
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            write!(lines, "<{}>", self.priority)?;
            lines.extend_from_slice(line);
        }
        self.output.write_all(&lines)?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_priority() {
        for (level, expected) in [
            (Level::ERROR, "<3>one\n<3>two\n"),
            (Level::WARN, "<4>one\n<4>two\n"),
            (Level::INFO, "<6>one\n<6>two\n"),
            (Level::DEBUG, "<7>one\n<7>two\n"),
            (Level::TRACE, "<7>one\n<7>two\n"),
        ] {
            let mut log = Prioritized { priority: priority(level), output: Vec::new() };
            log.write_all(b"one\ntwo\n").unwrap();
            assert_eq!(String::from_utf8(log.output).unwrap(), expected);
        }
    }
}
