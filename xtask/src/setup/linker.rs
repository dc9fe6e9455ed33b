//! bpf-linker, which turns the compiler's bitcode into an object with BTF.

use std::{fmt, process::Command};

use anyhow::Result;

use crate::process;

const VERSION: &str = "0.13.0";

/// The major version of its LLVM, which does not tell itself. It reads no bitcode of a newer one.
pub(crate) const LLVM: u32 = 22;

/// It links LLVM's shared library, so that the -dev packages of LLVM's own libraries are not needed.
pub(crate) const DISTRIBUTION: [&str; 1] = ["llvm-22-dev"];

pub(crate) const BY_HAND: &str = "  cargo install bpf-linker --version 0.13.0 --locked --no-default-features --features llvm-22\n  \
     (with the development files of LLVM 22, or a released binary of https://github.com/aya-rs/bpf-linker)\n";

/// Why what is there does not do.
pub(crate) enum Linker {
    Absent,
    Older(String),
}

/// A newer one is kept: its user wants it, and its LLVM reads older bitcode.
pub(crate) fn lack() -> Option<Linker> {
    let Some(printed) = process::output(Command::new("bpf-linker").arg("--version")) else {
        return Some(Linker::Absent);
    };
    let version = printed.trim_start_matches("bpf-linker").trim();
    if numbers(version) < numbers(VERSION) {
        return Some(Linker::Older(version.to_owned()));
    }
    None
}

pub(crate) fn install() -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["install", "bpf-linker", "--version", VERSION, "--locked", "--force"]);
    cargo.args(["--no-default-features", "--features", "llvm-22"]);
    cargo.env("LLVM_PREFIX", "/usr/lib/llvm-22");
    process::run_behind("building bpf-linker (a minute or two)", &mut cargo)
}

impl fmt::Display for Linker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => write!(formatter, "bpf-linker {VERSION}"),
            Self::Older(version) => {
                write!(formatter, "bpf-linker {VERSION}: {version} is installed and will be replaced")
            }
        }
    }
}

fn numbers(version: &str) -> Vec<u32> {
    version
        .split(|character: char| !character.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_order_by_number() {
        for (older, newer) in
            [("0.9.15", "0.13.0"), ("0.12.9", "0.13.0"), ("0.13.0", "0.13.1"), ("", "0.13.0")]
        {
            assert!(numbers(older) < numbers(newer), "{older} {newer}");
        }
    }
}
