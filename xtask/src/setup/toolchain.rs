//! The compilers: stable Rust's components, and the one that builds the XDP program.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::process;

/// The compiler of the XDP program; `tgdns-userspace/build.rs` chooses by the same rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// By `TGDNS_BPF_TOOLCHAIN`.
    Named(String),
    /// A rustup nightly with the source of `core`.
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

pub(crate) const BY_HAND: &str =
    "  rustup toolchain install nightly --profile minimal --component rust-src --component clippy\n";

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
        Ok(if has("nightly", "lib/rustlib/src/rust/library/core") {
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
            Self::Named(name) if name == "nightly" => &["-Z", "build-std=core"],
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

/// Where a toolchain is, if rustup has it. Asked so that rustup does not install it.
fn sysroot(toolchain: &str) -> Option<PathBuf> {
    let mut rustup = Command::new("rustup");
    rustup.args(["which", "--toolchain", toolchain, "rustc"]).env("RUSTUP_AUTO_INSTALL", "0");
    let compiler = PathBuf::from(process::output(&mut rustup)?);
    compiler.parent()?.parent().map(Path::to_path_buf)
}
