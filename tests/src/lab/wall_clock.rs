//! The wall clock of one program, which may jump.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::program;

/// It takes the program's clock on as long as it is not removed.
pub struct WallClock {
    file: PathBuf,
}

impl WallClock {
    /// One that is right; `file` is where programs read how much it is off.
    pub fn new(file: &Path) -> Result<Self> {
        fs::write(file, 0_i64.to_ne_bytes()).with_context(|| format!("writing {}", file.display()))?;
        Ok(Self { file: file.to_owned() })
    }

    /// Lets it be off by so many seconds, from one moment to the next.
    pub fn set(&self, seconds: i64) -> Result<()> {
        // In place: programs have the file mapped.
        let file = File::options().write(true).open(&self.file).context("opening the clock")?;
        file.write_all_at(&seconds.to_ne_bytes(), 0).context("setting the clock")
    }

    /// The command in front of a program, with its arguments, that gives it this clock.
    pub fn wrapper(&self) -> Result<(PathBuf, [String; 2])> {
        let library = program::of_workspace("libwall_clock.so")?;
        let variables = [
            format!("LD_PRELOAD={}", library.display()),
            format!("TGDNS_LAB_WALL_CLOCK={}", self.file.display()),
        ];
        Ok((program::path("env")?, variables))
    }
}
