//! What the things of a run are called.

use std::path::{Path, PathBuf};

/// What every network namespace and every directory of pins of the lab begins with.
const PREFIX: &str = "tgdns-lab";
pub(super) const BPF_FILE_SYSTEM: &str = "/sys/fs/bpf";
/// `ip netns exec` puts files from here over those in `/etc`.
pub(super) const NAMESPACE_ETC: &str = "/etc/netns";

pub(super) fn root() -> PathBuf {
    std::env::temp_dir().join(PREFIX)
}

pub(super) fn directory_of(identifier: &str) -> PathBuf {
    root().join(identifier)
}

pub(super) fn lock_of(directory: &Path) -> PathBuf {
    directory.join("lock")
}

pub(super) fn name_of(identifier: &str) -> String {
    format!("{PREFIX}-{identifier}")
}

pub(super) fn pins_of(identifier: &str) -> PathBuf {
    Path::new(BPF_FILE_SYSTEM).join(name_of(identifier))
}
