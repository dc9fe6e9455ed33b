//! A virtual machine from its start to its end.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::packages::Kernel;
use crate::process;

/// Several times what it takes on a busy machine; a guest that hangs ends here.
const LIMIT: Duration = Duration::from_secs(600);

pub(crate) struct Run {
    pub(crate) log: String,
    pub(crate) took: Duration,
    pub(crate) timed_out: bool,
}

/// Boots a kernel and waits until it turns itself off. Its serial console is the log.
pub(crate) fn boot(kernel: &Kernel, initramfs: &Path) -> Result<Run> {
    let log = process::target().join("kernels").join(format!("console-{}", kernel.version));
    let console = File::create(&log).with_context(|| format!("writing {}", log.display()))?;
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-accel", "tcg", "-cpu", "max", "-m", "1024", "-nodefaults", "-no-user-config", "-no-reboot"]);
    qemu.args(["-display", "none", "-serial", "stdio"]);
    // Two NICs on one wire.
    for port in ["a", "b"] {
        qemu.arg("-netdev").arg(format!("hubport,id={port},hubid=0"));
        qemu.arg("-device").arg(format!("virtio-net-pci,netdev={port},romfile="));
    }
    qemu.arg("-kernel").arg(&kernel.image).arg("-initrd").arg(initramfs);
    // A panic reboots at once, which ends the machine.
    qemu.args(["-append", "console=ttyS0 quiet loglevel=5 panic=-1"]);
    qemu.stdin(Stdio::null()).stderr(console.try_clone().context("sharing the console")?).stdout(console);

    let started = Instant::now();
    let mut machine = qemu.spawn().context("starting qemu-system-x86_64")?;
    let ended = wait(&mut machine, started + LIMIT)?;
    if ended.is_none() {
        machine.kill().context("stopping a guest")?;
        machine.wait().context("waiting for a guest")?;
    }
    let text = fs::read(&log).with_context(|| format!("reading {}", log.display()))?;
    let log = String::from_utf8_lossy(&text).replace('\r', "");
    Ok(Run { log, took: started.elapsed(), timed_out: ended.is_none() })
}

fn wait(child: &mut Child, until: Instant) -> Result<Option<ExitStatus>> {
    loop {
        let status = child.try_wait().context("waiting for a guest")?;
        if status.is_some() || Instant::now() >= until {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(50));
    }
}
