//! A reload on its way: asked for, read, prepared, applied.
//!
//! Reading and checking the file is done beside the loop. Then all that may fail is done (sockets are bound, interfaces
//! attached, servers that are not known yet are probed) while the configuration that holds goes on; once no name lacks a
//! verdict the next one takes its place at one instant. One reload is under way at a time; who asks meanwhile is told of
//! the next one.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Error, Result};

use super::{roster::Roster, slow_path::Bound};
use crate::{
    check,
    cluster::Model,
    config,
    control::{Replier, Reply},
    cookie::Secrets,
    preflight,
    reload::{self, Changes},
};

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Absolute, as the working directory is nothing to rely on.
    pub file: PathBuf,
    /// In place of the file's own.
    pub control: Option<PathBuf>,
}

impl Configuration {
    /// # Errors
    /// All mistakes of the file.
    pub fn load(&self) -> Result<Model, config::ConfigErrors> {
        let mut model = config::load(&self.file)?;
        if let Some(control) = &self.control {
            model.control.clone_from(control);
        }
        Ok(model)
    }
}

/// What was read, and can be put in place of what holds.
#[derive(Debug)]
pub struct Loaded {
    pub(super) model: Model,
    pub(super) secrets: Option<Arc<Secrets>>,
    pub(super) changes: Changes,
    /// What it may still be wrong about.
    pub(super) warnings: Vec<String>,
}

impl Loaded {
    /// Reads the file and all that it names, and checks it against what holds and against this host. Blocks.
    ///
    /// # Errors
    /// All mistakes of the file, or all that keeps it from being put in place.
    pub(super) fn read(configuration: &Configuration, before: &Model) -> Result<Self> {
        let model = configuration.load()?;
        let mut problems = reload::refusals(before, &model);
        problems.extend(preflight::problems_of_reload(before, &model));
        problems.extend(preflight::ownership::problem("the configuration", &configuration.file));
        let secrets =
            read_secrets(&model).map_err(|error| problems.push(format!("{error:#}"))).ok().flatten();
        anyhow::ensure!(problems.is_empty(), "{}", problems.join("\n"));
        let changes =
            Changes { file: configuration.file.clone(), changes: reload::differences(before, &model) };
        let warnings = check::warnings_here(&model);
        Ok(Self { model, secrets, changes, warnings })
    }
}

/// The secret of cookies, where there is one.
pub(super) fn read_secrets(model: &Model) -> Result<Option<Arc<Secrets>>> {
    Ok(model.cookie_secret.as_deref().map(Secrets::read).transpose()?.map(Arc::new))
}

/// Who wants a reload.
#[derive(Debug)]
pub(super) enum Asker {
    Signal,
    Client(Replier),
}

impl Asker {
    fn tell(self, outcome: &Result<Changes>) {
        match (self, outcome) {
            (Self::Client(reply), outcome) => {
                let told = match outcome {
                    Ok(changes) => Reply::ok(changes),
                    Err(error) => Err(again(error)),
                };
                // The client may have gone.
                let _ = reply.send(told);
            }
            (Self::Signal, Ok(_)) => {}
            (Self::Signal, Err(error)) => {
                for line in format!("{error:#}").lines() {
                    tracing::error!("SIGHUP changes nothing: {line}");
                }
            }
        }
    }
}

/// The same error for one more client, mistakes included.
fn again(error: &Error) -> Error {
    match error.downcast_ref::<config::ConfigErrors>() {
        Some(mistakes) => mistakes.clone().into(),
        None => anyhow::anyhow!("{error:#}"),
    }
}

/// All that is to take the place of what holds.
pub(super) struct Prepared {
    pub(super) roster: Roster,
    pub(super) secrets: Option<Arc<Secrets>>,
    pub(super) bound: Bound,
    pub(super) changes: Changes,
    pub(super) warnings: Vec<String>,
}

#[derive(Default)]
pub(super) struct Reloading {
    /// Who asked since the file was read last.
    waiting: Vec<Asker>,
    /// Who is told of the one that is under way.
    asking: Vec<Asker>,
    pub(super) prepared: Option<Prepared>,
}

impl Reloading {
    pub(super) fn ask(&mut self, asker: Asker) {
        self.waiting.push(asker);
    }

    /// Whether the file is to be read now.
    pub(super) fn begin(&mut self) -> bool {
        let begins = self.asking.is_empty() && !self.waiting.is_empty();
        if begins {
            self.asking = std::mem::take(&mut self.waiting);
        }
        begins
    }

    /// Tells everybody who asked.
    pub(super) fn end(&mut self, outcome: &Result<Changes>) {
        for asker in self.asking.drain(..) {
            asker.tell(outcome);
        }
    }
}
