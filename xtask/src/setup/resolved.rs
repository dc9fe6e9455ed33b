//! systemd-resolved for the lab, unpacked beside what is built: Debian's package would put it in the place of
//! `/etc/resolv.conf`.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};

use super::machine;
use crate::process;

pub(crate) const NAME: &str = "systemd-resolved";
/// Its libraries are those of its very version.
const PACKAGES: [&str; 2] = ["systemd-resolved", "libsystemd-shared"];
const PROGRAMS: [&str; 2] = ["usr/lib/systemd/systemd-resolved", "lib/systemd/systemd-resolved"];

pub(crate) const BY_HAND: &str =
    "  systemd-resolved (Debian's package; installing it changes /etc/resolv.conf)\n";

/// Neither installed nor unpacked.
pub(crate) fn is_missing() -> bool {
    let roots = [PathBuf::from("/"), folder()];
    !roots.iter().any(|root| PROGRAMS.iter().any(|program| root.join(program).is_file()))
}

/// What was unpacked has its name only when it is complete.
pub(crate) fn unpack() -> Result<()> {
    let partial = process::target().join("systemd-resolved-partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).with_context(|| format!("removing {}", partial.display()))?;
    }
    fs::create_dir_all(&partial).with_context(|| format!("making {}", partial.display()))?;
    let download = || {
        let mut apt = Command::new("apt-get");
        // The folder may lie where apt's own user may not look.
        apt.args(["-o", "APT::Sandbox::User=", "download"]).args(PACKAGES).current_dir(&partial);
        process::run_behind("fetching systemd-resolved", &mut apt)
    };
    // Lists that are absent or out of date are the usual cause of a failure.
    download().or_else(|_| machine::update_lists().and_then(|()| download()))?;
    let mut unpacked = 0;
    for entry in fs::read_dir(&partial).with_context(|| format!("reading {}", partial.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            process::run(Command::new("dpkg").arg("--extract").arg(&path).arg(&partial))?;
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
            unpacked += 1;
        }
    }
    ensure!(unpacked == PACKAGES.len(), "apt-get download brought {unpacked} of {PACKAGES:?}");
    fs::rename(&partial, folder()).context("naming what was unpacked")
}

fn folder() -> PathBuf {
    process::target().join(NAME)
}
