//! Where a running controller and its pins are found.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use super::DEFAULT_CONFIG;

pub(super) const CONTROL: Key =
    Key { name: "control", option: "--control", default: "/run/tgdns/control.sock" };
pub(super) const PIN_DIRECTORY: Key =
    Key { name: "pin_dir", option: "--pin-dir", default: "/sys/fs/bpf/tgdns" };

/// A path that the configuration tells and an option overrides.
pub(super) struct Key {
    name: &'static str,
    option: &'static str,
    default: &'static str,
}

impl Key {
    /// The option's value, else the configuration's, else the default.
    ///
    /// Reads this one key only: somebody who looks after a running controller must not be stopped by a mistake
    /// elsewhere in a file that is being edited.
    pub(super) fn find(&self, given: Option<PathBuf>, config: &Path) -> Result<PathBuf> {
        match given {
            Some(path) => Ok(path),
            None => self.read(config).with_context(|| {
                let Self { name, option, .. } = self;
                format!(
                    "cannot read `{name}` from {}; name it with {option}, or the file with --config",
                    config.display()
                )
            }),
        }
    }

    fn read(&self, config: &Path) -> Result<PathBuf> {
        let text = match fs::read_to_string(config) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && config == Path::new(DEFAULT_CONFIG) => {
                String::new()
            }
            Err(error) => return Err(error.into()),
        };
        match text.parse::<toml::Table>()?.get(self.name) {
            None => Ok(self.default.into()),
            Some(toml::Value::String(path)) => Ok(path.into()),
            Some(_) => bail!("`{}` is no text", self.name),
        }
    }
}
