//! Whatever the controller reacts to.

use anyhow::Result;

use super::reloading::Loaded;
use crate::{admin::file::Saved, control, netlink::Snapshot, probe::Probed};

#[derive(Debug)]
pub enum Event {
    Probed(Probed),
    Interfaces(Snapshot),
    Call(control::Call),
    /// What clients wait for is written, or could not be.
    Written(Result<control::Reply>),
    /// The admin states are saved, or could not be.
    Saved(Result<Saved>),
    /// The servers' health is saved for the next run, or could not be.
    HealthSaved(Result<()>),
    /// A signal asks for it.
    Reload,
    /// The configuration is read and can be put in place, or could not be.
    Loaded(Result<Box<Loaded>>),
    /// A signal, by its name.
    Stop(&'static str),
    /// Something that the controller cannot do without has ended.
    Failed(anyhow::Error),
}
