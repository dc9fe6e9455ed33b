//! Where a test pins maps.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
};

/// A directory on the BPF filesystem, which goes with this. It is made by whoever pins something.
pub struct Pins(PathBuf);

impl Pins {
    /// This process's, by the name of what is tested.
    pub fn new(test: &str) -> Self {
        Self(PathBuf::from(format!("/sys/fs/bpf/tgdns-{test}-{}", process::id())))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
