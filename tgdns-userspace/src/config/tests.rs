#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod counting;
mod errors;
mod good;
mod probes;
mod protocols;
mod rate_limit;
mod stale;

use super::parse;

/// A file without mistakes, which the rows of the tests change.
const GOOD: &str = r#"interfaces = ["eth0"]
xdp_mode = "native"
[dns]
listen = ["0.0.0.0:53"]
[[view]]
name = "lan"
clients = ["192.168.0.0/16"]
[[cluster]]
name = "internet.intern.netz"
ttl = 1
answer = "all"
[cluster.probe]
type = "tcp"
port = 443
interval = "1s"
[[cluster.part]]
first = "10.10.10.100"
count = 3
alias = "192.168.1.100"
[[cluster.server]]
name = "tgpro-9"
address = "10.10.11.9"
alias = "192.168.7.9"
"#;

/// The good file with one place of it written differently.
fn changed(from: &str, to: &str) -> String {
    assert_eq!(GOOD.matches(from).count(), 1, "{from:?} must be there once");
    GOOD.replace(from, to)
}

/// The mistakes of a text as `line:column: message`, without the file's name.
fn mistakes(text: &str) -> Vec<String> {
    match parse(text, "F") {
        Ok(_) => Vec::new(),
        Err(errors) => {
            errors.to_string().lines().map(|line| line.strip_prefix("F:").unwrap().to_owned()).collect()
        }
    }
}

/// Each row: what is written differently in the good file, and every mistake that is then told.
#[track_caller]
fn rows(rows: &[(&str, &str, &[&str])]) {
    for (from, to, expected) in rows {
        check(&changed(from, to), expected);
    }
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(mistakes(text), expected, "in\n{text}");
}
