//! A small disk, which can be full.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use crate::lab::program;

const OPTIONS: &str = "size=64k,mode=755";
const PAGE: [u8; 4096] = [0; 4096];

/// The run unmounts it.
pub(super) struct Disk {
    directory: PathBuf,
}

impl Disk {
    pub(super) fn mount(directory: &Path) -> Result<Self> {
        let shown = directory.to_str().context("a path that is no text")?;
        program::run("mount", &["-t", "tmpfs", "-o", OPTIONS, "tgdns-chaos", shown])?;
        Ok(Self { directory: directory.to_path_buf() })
    }

    /// Takes all that is free.
    pub(super) fn fill(&self) -> Result<()> {
        let mut file = File::create(self.file())?;
        for _ in 0..1024 {
            match file.write_all(&PAGE) {
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                written => written?,
            }
        }
        ensure!(false, "{} takes more than it should", self.directory.display());
        Ok(())
    }

    pub(super) fn free(&self) -> Result<()> {
        fs::remove_file(self.file()).context("freeing the disk")
    }

    fn file(&self) -> PathBuf {
        self.directory.join("filling")
    }
}
