//! What the guests run: the XDP program's object, and the executables of the kernel tests and of the controller's own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use crate::process;

pub(crate) struct Payload {
    pub(crate) object: PathBuf,
    pub(crate) tests: PathBuf,
    /// The vectors on a wire.
    pub(crate) wire_tests: PathBuf,
    /// The controller's unit tests, for those that need a device which this machine's kernel may lack.
    pub(crate) controller_tests: PathBuf,
    /// The tests of the built program on VLAN devices and bonds, and that program.
    pub(crate) devices_tests: PathBuf,
    pub(crate) program: PathBuf,
}

impl Payload {
    pub(crate) fn build() -> Result<Self> {
        // One selection, and that of `cargo test`: cargo chooses features by what is built together.
        let tests = ["kernel", "devices", "vectors_wire"].into_iter().flat_map(|name| ["--test", name]);
        let messages = messages(process::cargo().args(["test", "--no-run", "--lib"]).args(tests))?;
        process::run(process::cargo().args(["build", "--bin", "tgdns"]))?;
        let folder = messages
            .lines()
            .filter(|line| line.contains(r#""reason":"build-script-executed""#))
            .filter(|line| {
                text(line, "package_id").is_some_and(|package| package.contains("/tgdns-userspace#"))
            })
            .find_map(|line| text(line, "out_dir"))
            .context("cargo does not say where the XDP program was built")?;

        Ok(Self {
            object: PathBuf::from(folder).join("tgdns-ebpf"),
            tests: executable(&messages, "test", "kernel")?,
            wire_tests: executable(&messages, "test", "vectors_wire")?,
            controller_tests: executable(&messages, "lib", "tgdns")?,
            devices_tests: executable(&messages, "test", "devices")?,
            program: without_debug_info(&process::target().join("debug/tgdns"), "program")?,
        })
    }
}

/// Where the tests of a target are, by its kind and name.
fn executable(messages: &str, kind: &str, name: &str) -> Result<PathBuf> {
    let [kind, named] = [format!(r#""kind":["{kind}"]"#), format!(r#""name":"{name}""#)];
    let artifacts = messages.lines().filter(|line| {
        line.contains(r#""reason":"compiler-artifact""#) && line.contains(&kind) && line.contains(&named)
    });
    let found = artifacts.filter_map(|line| text(line, "executable")).next();
    let found = found.with_context(|| format!("cargo does not say where the tests `{name}` are"))?;
    without_debug_info(Path::new(found), name)
}

/// Two thirds of an executable are for debuggers, and all of it lies in the guest's memory twice while it is unpacked.
fn without_debug_info(executable: &Path, name: &str) -> Result<PathBuf> {
    let folder = process::target().join("kernels");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let stripped = folder.join(format!("tests-{name}"));
    // It comes with the linker that made the executable.
    let mut strip = Command::new("strip");
    strip.arg("--strip-debug").arg("-o").arg(&stripped).arg(executable);
    process::run(&mut strip)?;
    Ok(stripped)
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
