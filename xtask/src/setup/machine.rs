//! The distribution, and who may change it.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, bail, ensure};

use crate::process;

/// Installs Debian packages without any service of theirs running: neither at once, where `policy-rc.d` forbids it
/// for as long as this takes, nor at the next start. The lab starts its own.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    ensure!(process::find("apt-get").is_some(), "this machine has no apt-get");
    let what = format!("installing {}", packages.join(" "));
    let mut words = vec!["-c", INSTALL, "setup"];
    words.extend(packages);
    process::run_behind(&what, &mut root("sh", &words)?)
}

/// Makes apt look what its mirrors have.
pub(crate) fn update_lists() -> Result<()> {
    process::run_behind("reading apt's lists", &mut root("apt-get", &["update"])?)
}

pub(crate) fn mount_bpffs() -> Result<()> {
    let mut mount = root("mount", &["-t", "bpf", "bpf", "/sys/fs/bpf"])?;
    process::run(&mut mount).context("bpffs can't be mounted; in a container, give it /sys/fs/bpf")
}

/// An existing policy is the administrator's and stays. A service that was there before is left as it was.
const INSTALL: &str = r#"set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
fresh=
for package in bind9:named unbound:unbound nsd:nsd knot:knot pdns-recursor:pdns-recursor gdnsd:gdnsd dnsdist:dnsdist \
    knot-resolver:kresd.target knot-resolver:kres-cache-gc knot-resolver:kresd; do
    installed "${package%:*}" || fresh="$fresh ${package#*:}"
done
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends "$@"
for service in $fresh; do
    systemctl disable --now "$service" || update-rc.d "$service" disable || true
done 2>/dev/null
"#;

/// Whether bpffs is mounted where pins go by default.
pub(crate) fn has_bpffs() -> Result<bool> {
    let mounts = fs::read_to_string("/proc/mounts").context("reading /proc/mounts")?;
    Ok(mounts.lines().any(|line| {
        let mut words = line.split(' ').skip(1);
        words.next() == Some("/sys/fs/bpf") && words.next() == Some("bpf")
    }))
}

/// A command as root: as it is, or through sudo.
fn root(program: &str, arguments: &[&str]) -> Result<Command> {
    if process::is_root() {
        let mut command = Command::new(program);
        command.args(arguments);
        return Ok(command);
    }
    if process::find("sudo").is_none() {
        let shown = if program == "sh" {
            format!("apt-get install --no-install-recommends {}", arguments[3..].join(" "))
        } else {
            format!("{program} {}", arguments.join(" "))
        };
        bail!("this needs root, and there is no sudo; run as root: {shown}");
    }
    // The password is asked for here, where no progress is drawn over the question.
    process::run(Command::new("sudo").arg("--validate")).context("becoming root")?;
    let mut command = Command::new("sudo");
    command.arg(program).args(arguments);
    Ok(command)
}
