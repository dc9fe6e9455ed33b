//! What a package installs beside the program, as systemd itself judges it.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use tests::lab::program;

/// Of systemd's scale from 0 to 10.
const EXPOSURE_BELOW: f32 = 2.0;
const INSTALLED: &str = "/usr/local/sbin/tgdns";

fn packaging(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging").join(file)
}

#[test]
fn the_unit_exposes_little() -> Result<()> {
    let mut analyze = program::command("systemd-analyze")?;
    let unit = packaging("systemd/tgdns.service");
    let text = program::run_command(analyze.args(["security", "--offline=true", "--no-pager"]).arg(unit))?;
    let (_, score) = text.rsplit_once("tgdns.service: ").with_context(|| text.clone())?;
    let score: f32 = score.split_whitespace().next().context("no score")?.parse()?;
    println!("exposure {score}");
    ensure!(score < EXPOSURE_BELOW, "{text}");
    Ok(())
}

/// systemd knows every key, and the program takes the unit's arguments.
#[test]
fn the_unit_is_understood() -> Result<()> {
    let unit = fs::read_to_string(packaging("systemd/tgdns.service"))?;
    let built = program::of_workspace("tgdns")?;
    let directory = Directory::new("unit")?;
    let file = directory.0.join("tgdns.service");
    fs::write(&file, unit.replace(INSTALLED, &built.display().to_string()))?;
    let mut analyze = program::command("systemd-analyze")?;
    let output = analyze.args(["verify", "--man=no", "--recursive-errors=no"]).arg(&file).output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && told.trim().is_empty(), "{told}");
    Ok(())
}

/// The user is made, and the directory of the pins is its own.
#[test]
fn user_and_directories_are_made() -> Result<()> {
    let directory = Directory::new("root")?;
    for existing in ["etc", "sys/fs/bpf"] {
        fs::create_dir_all(directory.0.join(existing))?;
    }
    let root = format!("--root={}", directory.0.display());
    let mut sysusers = program::command("systemd-sysusers")?;
    program::run_command(sysusers.arg(&root).arg(packaging("sysusers.d/tgdns.conf")))?;
    let mut tmpfiles = program::command("systemd-tmpfiles")?;
    program::run_command(tmpfiles.args([&root, "--create"]).arg(packaging("tmpfiles.d/tgdns.conf")))?;

    let users = fs::read_to_string(directory.0.join("etc/passwd"))?;
    let user = users.lines().find_map(|line| line.strip_prefix("tgdns:x:")).context("no user")?;
    let number: u32 = user.split(':').next().context("no number")?.parse()?;
    let above = fs::metadata(directory.0.join("sys/fs/bpf"))?;
    assert_eq!((above.uid(), above.permissions().mode() & 0o7777), (0, 0o711));
    let pins = fs::metadata(directory.0.join("sys/fs/bpf/tgdns"))?;
    assert_eq!((pins.uid(), pins.permissions().mode() & 0o7777), (number, 0o700));
    Ok(())
}

struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("tgdns-packaging-{}-{name}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
