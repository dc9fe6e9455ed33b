//! Builds the XDP program and leaves its object at `$OUT_DIR/tgdns-ebpf` for `include_bytes_aligned!`.
//!
//! The compiler is the first complete one of: the one named in `TGDNS_BPF_TOOLCHAIN`, a rustup nightly
//! with `rust-src` and an LLVM that bpf-linker reads, the distribution's (linked as `tgdns-bpf` by `cargo xtask setup`).

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

const TARGET: &str = "bpfel-unknown-none";

/// The major version of bpf-linker's LLVM, as in xtask/src/setup/linker.rs. It reads no bitcode of a newer one.
const LINKER_LLVM: u32 = 22;

/// v3 brings 32-bit arithmetic and jumps; every kernel that is promised has it. Misaligned access lets wire types of
/// alignment 1 load and store in one instruction.
const FLAGS: [&str; 4] = [
    "-Cdebuginfo=2",
    "-Clink-arg=--btf",
    "-Ctarget-cpu=v3",
    "-Clink-arg=--cpu-features=+allows-misaligned-mem-access",
];

fn main() -> Result<()> {
    let root =
        PathBuf::from(env::var("CARGO_MANIFEST_DIR").context("cargo sets CARGO_MANIFEST_DIR")?).join("..");
    let out = PathBuf::from(env::var("OUT_DIR").context("cargo sets OUT_DIR")?);
    println!("cargo:rerun-if-env-changed=TGDNS_BPF_TOOLCHAIN");
    for input in [
        "tgdns-common/src",
        "tgdns-ebpf/src",
        "tgdns-common/Cargo.toml",
        "tgdns-ebpf/Cargo.toml",
        "Cargo.toml",
        "Cargo.lock",
    ] {
        println!("cargo:rerun-if-changed={}", root.join(input).display());
    }
    let toolchain = match env::var("TGDNS_BPF_TOOLCHAIN") {
        Ok(named) => named,
        Err(_) if nightly_is_complete() => "nightly".to_owned(),
        Err(_) => "tgdns-bpf".to_owned(),
    };

    // aya-ebpf reads the kernel's registers by the architecture that the program will run on.
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").context("cargo sets CARGO_CFG_TARGET_ARCH")?;
    let flags = format!("{}\x1f--cfg=bpf_target_arch=\"{architecture}\"", FLAGS.join("\x1f"));

    let target_directory = out.join("ebpf-target");
    let mut cargo = Command::new("rustup");
    cargo.args([
        "run",
        &toolchain,
        "cargo",
        "build",
        "--release",
        "--package",
        "tgdns-ebpf",
        "--target",
        TARGET,
    ]);
    if toolchain.starts_with("nightly") {
        cargo.args(["-Z", "build-std=core"]);
    }
    if env::var_os("CARGO_FEATURE_LOG_FRAMES").is_some() {
        cargo.args(["--features", "log"]);
    }
    cargo.arg("--target-dir").arg(&target_directory).current_dir(&root);
    // Both use `asm_experimental_arch`, on a stable compiler too.
    cargo.env("RUSTC_BOOTSTRAP", "aya_ebpf,tgdns_ebpf").env("CARGO_ENCODED_RUSTFLAGS", flags);
    for variable in ["RUSTC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTUP_TOOLCHAIN"] {
        cargo.env_remove(variable);
    }
    let hint = || {
        format!("cannot build the XDP program with toolchain `{toolchain}`: run `cargo xtask setup` first")
    };
    let status = cargo.status().with_context(hint)?;
    ensure!(status.success(), hint());

    std::fs::copy(target_directory.join(TARGET).join("release/tgdns-ebpf"), out.join("tgdns-ebpf"))?;
    Ok(())
}

fn nightly_is_complete() -> bool {
    let rustc = |arguments: &[&str]| {
        let output =
            Command::new("rustup").args(["run", "nightly", "rustc"]).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(sysroot) = rustc(&["--print", "sysroot"]) else { return false };
    let told = rustc(&["-vV"]).unwrap_or_default();
    let llvm =
        told.lines().find_map(|line| line.strip_prefix("LLVM version: ")?.split('.').next()?.parse().ok());
    let is_newer = llvm.is_some_and(|llvm: u32| llvm > LINKER_LLVM);
    Path::new(&sysroot).join("lib/rustlib/src/rust/library/core").is_dir() && !is_newer
}
