//! The programs that the lab plays with: those of the system and those of this workspace.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use anyhow::{Context as _, Result, bail};

/// Where each program comes from on Debian.
const PACKAGES: [(&str, &str); 27] = [
    ("bpftool", "bpftool"),
    ("dig", "bind9-dnsutils"),
    ("dnsmasq", "dnsmasq-base"),
    ("dropbear", "dropbear-bin"),
    ("dropbearkey", "dropbear-bin"),
    ("ethtool", "ethtool"),
    ("getent", "libc-bin"),
    ("ip", "iproute2"),
    ("jq", "jq"),
    ("knotd", "knot"),
    ("kresd", "knot-resolver"),
    ("mount", "mount"),
    ("named", "bind9"),
    ("nft", "nftables"),
    ("nginx", "nginx-light"),
    ("nsd", "nsd"),
    ("nsenter", "util-linux"),
    ("pdns_recursor", "pdns-recursor"),
    ("setpriv", "util-linux"),
    ("socat", "socat"),
    ("strace", "strace"),
    ("systemd-analyze", "systemd"),
    ("systemd-sysusers", "systemd"),
    ("systemd-tmpfiles", "systemd"),
    ("umount", "mount"),
    ("unbound", "unbound"),
    ("unshare", "util-linux"),
];

/// A command that runs one of the system's programs.
pub fn command(program: &str) -> Result<Command> {
    path(program).map(Command::new)
}

/// The path of one of the system's programs; `/usr/sbin` is not in everybody's `PATH`.
pub fn path(program: &str) -> Result<PathBuf> {
    find(program).with_context(|| format!("{program} is not installed: run `cargo xtask setup`"))
}

/// Fails with all that is missing, and how to get it.
pub fn check_all() -> Result<()> {
    let missing: Vec<_> = PACKAGES.iter().filter(|(program, _)| find(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let programs: Vec<_> = missing.iter().map(|(program, _)| *program).collect();
    let mut packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    bail!(
        "the lab needs {}: run `cargo xtask setup`, or `apt-get install {}`",
        programs.join(", "),
        packages.join(" ")
    )
}

/// Runs a command to its end and returns what it printed; an error carries what it complained about.
pub fn run(program: &str, arguments: &[&str]) -> Result<String> {
    run_command(command(program)?.args(arguments))
}

/// As [`run`], for a command that was put together elsewhere.
pub fn run_command(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    directories.map(|directory| directory.join(program)).find(|path| path.is_file())
}

/// The paths of systemd-resolved and of its libraries: this machine's, or what `cargo xtask setup` has unpacked because
/// Debian's package would make it this machine's resolver.
pub fn systemd_resolved() -> Result<(PathBuf, PathBuf)> {
    let unpacked = built()?.parent().context("the programs are nowhere")?.join("systemd-resolved");
    for root in [Path::new("/"), &unpacked] {
        for directory in ["usr/lib/systemd", "lib/systemd"] {
            let program = root.join(directory).join("systemd-resolved");
            if program.is_file() {
                let triplet = format!("usr/lib/{}-linux-gnu/systemd", env::consts::ARCH);
                return Ok((program, root.join(triplet)));
            }
        }
    }
    bail!("systemd-resolved is not there: run `cargo xtask setup`")
}

/// The path of one of this workspace's programs, built from the sources as they are.
pub fn of_workspace(program: &str) -> Result<PathBuf> {
    let directory = built()?;
    let path = directory.join(program);
    if !path.is_file() {
        bail!("{} is missing: run `cargo build`", path.display());
    }
    Ok(path)
}

/// The directory of the built programs. Tests bring them up to date once, so that none passes with
/// yesterday's; what runs beside them was built with them.
fn built() -> Result<&'static Path> {
    static DIRECTORY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    directory.as_deref().map_err(|error| anyhow::anyhow!("{error}"))
}

fn build() -> Result<PathBuf> {
    let executable = env::current_exe().context("finding this program")?;
    let beside = executable.parent().context("this program has no directory")?;
    if !beside.ends_with("deps") {
        return Ok(beside.to_owned());
    }
    let directory = beside.parent().context("the tests are nowhere")?;
    let workspace =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace has no directory")?;
    // What root built in a user's workspace, the user could not build again.
    if let Some(cargo) = env::var_os("CARGO")
        && env::var_os("SUDO_UID").is_none()
        && workspace.is_dir()
    {
        let profile = match directory.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(profile) => profile,
        };
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--bins", "--lib", "--profile", profile]).current_dir(workspace);
        // What cargo told the tests of their package: `ring` is built again, and all that needs it, where that changes.
        for (name, _) in env::vars_os() {
            if name
                .to_str()
                .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
            {
                build.env_remove(name);
            }
        }
        let status = build.status().context("running cargo build")?;
        if !status.success() {
            bail!("the programs of the lab don't build: see `cargo build` above");
        }
    }
    Ok(directory.to_owned())
}
