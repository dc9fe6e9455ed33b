//! A user of a service, with some capabilities and no other rights.

use std::{
    ffi::OsString,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use tests::lab::{namespace::Namespace, program};

/// No user of any host.
const NUMBER: u32 = 64_053;

pub(crate) struct User {
    /// As the unit's `AmbientCapabilities=`, without `CAP_` and in lower case.
    pub(crate) capabilities: &'static [&'static str],
}

impl User {
    /// Makes it the owner of a file or directory.
    pub(crate) fn own(path: &Path) -> Result<()> {
        chown(path, Some(NUMBER), Some(NUMBER)).with_context(|| format!("giving {} away", path.display()))
    }

    /// A program and its first arguments, which run another program as this user.
    pub(crate) fn command(&self, program: &Path) -> Result<(PathBuf, Vec<OsString>)> {
        let mut arguments: Vec<OsString> = self.arguments().into_iter().map(Into::into).collect();
        arguments.push(program.into());
        Ok((program::path("setpriv")?, arguments))
    }

    pub(crate) fn command_in(&self, namespace: &Namespace, program: &Path) -> Command {
        let mut command = namespace.command("setpriv");
        command.args(self.arguments()).arg(program);
        command
    }

    fn arguments(&self) -> Vec<String> {
        let added: Vec<String> = self.capabilities.iter().map(|name| format!("+{name}")).collect();
        let set = std::iter::once("-all".to_owned()).chain(added).collect::<Vec<_>>().join(",");
        vec![
            "--pdeathsig=KILL".to_owned(),
            format!("--reuid={NUMBER}"),
            format!("--regid={NUMBER}"),
            "--clear-groups".to_owned(),
            format!("--inh-caps={set}"),
            format!("--ambient-caps={set}"),
            format!("--bounding-set={set}"),
            "--".to_owned(),
        ]
    }
}
