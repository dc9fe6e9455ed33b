//! What the guests run: the XDP program's object, and the executable of the kernel tests.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use crate::process;

pub(crate) struct Payload {
    pub(crate) object: PathBuf,
    pub(crate) tests: PathBuf,
}

impl Payload {
    pub(crate) fn build() -> Result<Self> {
        let messages = messages(process::cargo().args(["build", "--package", "tgdns-userspace"]))?;
        let folder = messages
            .lines()
            .filter(|line| line.contains(r#""reason":"build-script-executed""#))
            .filter(|line| {
                text(line, "package_id").is_some_and(|package| package.contains("/tgdns-userspace#"))
            })
            .find_map(|line| text(line, "out_dir"))
            .context("cargo does not say where the XDP program was built")?;

        let messages = messages_of_tests()
            .context("the kernel tests can't be built (test `kernel` of package `tests`)")?;
        let tests = messages
            .lines()
            .filter(|line| {
                line.contains(r#""reason":"compiler-artifact""#) && line.contains(r#""name":"kernel""#)
            })
            .find_map(|line| text(line, "executable"))
            .context("cargo does not say where the kernel tests are")?;
        Ok(Self { object: PathBuf::from(folder).join("tgdns-ebpf"), tests: tests.into() })
    }
}

fn messages_of_tests() -> Result<String> {
    messages(process::cargo().args(["test", "--package", "tests", "--test", "kernel", "--no-run"]))
}

/// Cargo's messages for programs, one JSON object per line; those for people go to standard error.
fn messages(cargo: &mut Command) -> Result<String> {
    let output = cargo
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{}`", process::line(cargo)))?;
    ensure!(output.status.success(), "`{}` ended with {}", process::line(cargo), output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The value of a text field in one of cargo's messages. Cargo writes them compactly, and the paths of a build have
/// nothing that JSON escapes.
fn text<'a>(line: &'a str, field: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!(r#""{field}":""#))?;
    rest.split_once('"').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn fields_of_messages() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"kernel"},"executable":"/t/kernel-0","fresh":true}"#;
        for (field, value) in
            [("executable", Some("/t/kernel-0")), ("name", Some("kernel")), ("out_dir", None)]
        {
            assert_eq!(text(line, field), value, "{field}");
        }
        assert_eq!(text(r#"{"executable":null}"#, "executable"), None);
    }
}
