//! The compilers: stable Rust's components, and the one that builds the XDP program.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::linker;
use crate::process;

/// The compiler of the XDP program; `tgdns-userspace/build.rs` chooses by the same rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// By `TGDNS_BPF_TOOLCHAIN`.
    Named(String),
    /// A rustup nightly with the source of `core`, and an LLVM that bpf-linker can read.
    Nightly,
    /// The distribution's, with `core` ready for BPF, linked into rustup.
    Distribution,
}

/// Why the XDP program can't be compiled and linted.
pub(crate) enum Lack {
    /// No toolchain is complete.
    Toolchain,
    /// There is one, without clippy.
    Clippy(Toolchain),
}

pub(crate) const DISTRIBUTION: [&str; 4] =
    ["rustc-web", "cargo-web", "libstd-rust-web-dev-bpf", "rust-web-clippy"];

pub(crate) const BY_HAND: &str = "  rustup toolchain install nightly --profile minimal --component rust-src --component clippy\n  \
     (`rustc +nightly -vV` has to tell LLVM 22 or older, else a nightly-DATE that does, named in TGDNS_BPF_TOOLCHAIN)\n";

const LINKED: &str = "tgdns-bpf";

impl Toolchain {
    /// The first complete one.
    pub(crate) fn choose() -> Result<Self> {
        Self::find()?.context("there is no compiler for the XDP program: run `cargo xtask setup`")
    }

    fn find() -> Result<Option<Self>> {
        if let Ok(named) = env::var("TGDNS_BPF_TOOLCHAIN") {
            sysroot(&named).with_context(|| {
                format!("rustup has no toolchain `{named}`, which TGDNS_BPF_TOOLCHAIN names: unset it, or install that")
            })?;
            return Ok(Some(Self::Named(named)));
        }
        let has = |name, path| sysroot(name).is_some_and(|sysroot| sysroot.join(path).is_dir());
        let is_read = || sysroot("nightly").is_some_and(|sysroot| can_be_linked(&sysroot));
        Ok(if has("nightly", "lib/rustlib/src/rust/library/core") && is_read() {
            Some(Self::Nightly)
        } else if has(LINKED, "lib/rustlib/bpfel-unknown-none/lib") {
            Some(Self::Distribution)
        } else {
            None
        })
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::Nightly => "nightly",
            Self::Distribution => LINKED,
        }
    }

    /// What cargo is told besides, in building as in linting.
    pub(crate) fn cargo_arguments(&self) -> &'static [&'static str] {
        match self {
            Self::Nightly => &["-Z", "build-std=core"],
            Self::Named(name) if name.starts_with("nightly") => &["-Z", "build-std=core"],
            Self::Named(_) | Self::Distribution => &[],
        }
    }
}

pub(crate) fn lack() -> Result<Option<Lack>> {
    let Some(toolchain) = Toolchain::find()? else { return Ok(Some(Lack::Toolchain)) };
    let clippy = sysroot(toolchain.name()).is_some_and(|sysroot| sysroot.join("bin/cargo-clippy").is_file());
    Ok((!clippy).then_some(Lack::Clippy(toolchain)))
}

impl Lack {
    /// Debian's packages of a missing one are installed already.
    pub(crate) fn mend(&self) -> Result<()> {
        match self {
            Self::Toolchain => {
                process::run(Command::new("rustup").args(["toolchain", "link", LINKED, "/usr"]))?;
                Ok(())
            }
            Self::Clippy(Toolchain::Distribution) => Ok(()),
            Self::Clippy(toolchain) => process::run(Command::new("rustup").args([
                "component",
                "add",
                "clippy",
                "--toolchain",
                toolchain.name(),
            ])),
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Toolchain => formatter.write_str("a compiler for the XDP program"),
            Self::Clippy(toolchain) => write!(formatter, "clippy of toolchain {}", toolchain.name()),
        }
    }
}

/// Those of rustfmt and clippy that the toolchain in use lacks; rustup's minimal profile has neither.
pub(crate) fn missing_components() -> Result<Vec<&'static str>> {
    let cargo = env::var_os("CARGO").map(PathBuf::from).context("start this as `cargo xtask`")?;
    let programs = cargo.parent().unwrap_or(Path::new("/"));
    let components = [("cargo-fmt", "rustfmt"), ("cargo-clippy", "clippy")];
    Ok(components.iter().filter(|(file, _)| !programs.join(file).is_file()).map(|(_, name)| *name).collect())
}

pub(crate) fn add_components(components: &[&str]) -> Result<()> {
    process::run(Command::new("rustup").args(["component", "add"]).args(components))
}

/// Whether bpf-linker reads what the compiler writes. One that tells no version is tried.
fn can_be_linked(sysroot: &Path) -> bool {
    let printed = process::output(Command::new(sysroot.join("bin/rustc")).arg("-vV"));
    llvm(&printed.unwrap_or_default()).is_none_or(|major| major <= linker::LLVM)
}

/// The major version in `rustc -vV`, from its line `LLVM version: 22.1.4`.
fn llvm(printed: &str) -> Option<u32> {
    let version = printed.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    version.split('.').next()?.parse().ok()
}

/// Where a toolchain is, if rustup has it. Asked so that rustup does not install it.
fn sysroot(toolchain: &str) -> Option<PathBuf> {
    let mut rustup = Command::new("rustup");
    rustup.args(["which", "--toolchain", toolchain, "rustc"]).env("RUSTUP_AUTO_INSTALL", "0");
    let compiler = PathBuf::from(process::output(&mut rustup)?);
    compiler.parent()?.parent().map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compilers_llvm_is_told() {
        for (printed, expected) in [
            (
                "rustc 1.97.0-nightly (e22c616e4 2026-05-01)\nrelease: 1.97.0-nightly\nLLVM version: 22.1.4",
                Some(22),
            ),
            ("release: 1.99.0-nightly\nLLVM version: 23.0.0\n", Some(23)),
            ("rustc 1.97.0-nightly", None),
        ] {
            assert_eq!(llvm(printed), expected, "{printed}");
        }
    }

    /// A compiler that is a script with one line to say.
    #[test]
    fn a_compiler_with_a_newer_llvm_is_passed_over() -> Result<()> {
        use std::{fs, os::unix::fs::PermissionsExt as _};

        let sysroot = env::temp_dir().join(format!("tgdns-sysroot-{}", std::process::id()));
        fs::create_dir_all(sysroot.join("bin"))?;
        for (told, expected) in [
            ("LLVM version: 21.1.8", true),
            ("LLVM version: 22.1.8", true),
            ("LLVM version: 23.0.0", false),
            ("", true),
        ] {
            let compiler = sysroot.join("bin/rustc");
            fs::write(&compiler, format!("#!/bin/sh\necho '{told}'\n"))?;
            fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755))?;
            assert_eq!(can_be_linked(&sysroot), expected, "{told}");
        }
        Ok(fs::remove_dir_all(&sysroot)?)
    }
}
