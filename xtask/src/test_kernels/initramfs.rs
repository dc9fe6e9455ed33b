//! The whole file system of a guest, as the kernel unpacks it into memory.

mod archive;
mod modules;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use self::archive::Archive;
use super::{packages::Kernel, payload::Payload};
use crate::process;

/// The first process: mounts, loads modules, runs the steps. Each verdict is a line of its own that begins with `@`.
const INIT: &str = include_str!("initramfs/init.sh");

/// The programs of this machine that the guest runs besides the payload, with their libraries.
const PROGRAMS: [&str; 4] = ["bpftool", "ethtool", "ip", "nsenter"];

/// Writes the archive for a kernel; its path.
pub(crate) fn write(kernel: &Kernel, payload: &Payload) -> Result<PathBuf> {
    let mut files: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    let busybox = process::find("busybox").context("there is no busybox")?;
    add_program(&mut files, Path::new("/bin/busybox"), &busybox)?;
    for name in PROGRAMS {
        let program = process::find(name).with_context(|| format!("there is no {name}"))?;
        add_program(&mut files, &Path::new("/payload").join(name), &program)?;
    }
    add_program(&mut files, Path::new("/payload/kernel-tests"), &payload.tests)?;
    add_program(&mut files, Path::new("/payload/wire-tests"), &payload.wire_tests)?;
    add_program(&mut files, Path::new("/payload/controller-tests"), &payload.controller_tests)?;
    add_program(&mut files, Path::new("/payload/devices-tests"), &payload.devices_tests)?;
    add_program(&mut files, Path::new("/payload/tgdns"), &payload.program)?;
    files.insert("/payload/tgdns-ebpf".into(), read(&payload.object)?);
    files.insert("/init".into(), INIT.into());
    for (index, module) in modules::load_order(&kernel.folder)?.into_iter().enumerate() {
        files.insert(format!("/modules/{index:02}.ko").into(), module);
    }

    let mut archive = Archive::default();
    for folder in ["/bin", "/dev", "/payload", "/proc", "/run", "/sys", "/tmp"] {
        archive.folder(Path::new(folder));
    }
    for (path, content) in &files {
        archive.file(path, content);
    }
    let path = process::target().join("kernels").join(format!("initramfs-{}", kernel.version));
    fs::write(&path, archive.finish()).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

fn add_program(files: &mut BTreeMap<PathBuf, Vec<u8>>, path: &Path, program: &Path) -> Result<()> {
    files.insert(path.into(), read(program)?);
    // Nothing is printed, and the command fails, for a program without libraries.
    let libraries = process::output(Command::new("ldd").arg(program)).unwrap_or_default();
    for library in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
        files.insert(library.into(), read(Path::new(library))?);
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("reading {}", path.display()))
}
