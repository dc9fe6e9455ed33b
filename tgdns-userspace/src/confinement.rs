//! What the process gives up once it has started.
//!
//! The capabilities that only a start needs, all new ones (`no_new_privs`), and writing elsewhere than where it keeps its own
//! (Landlock). All of that is a thread's, and is inherited by the threads and processes that it makes. So it is done while there
//! is no other thread; the commands of probes and hooks have the same bounds, and no capability at all.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use landlock::{
    ABI, AccessFs, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, path_beneath_rules,
};
use nix::{
    sys::prctl,
    unistd::{AccessFlags, access},
};

use crate::{
    child::oom_score,
    cluster::{Model, XdpMode},
    preflight::capabilities::{self, Capability},
};

/// Of Linux 6.2: all kinds of writing, truncation included. What an older kernel does not know is left away.
const WRITING: ABI = ABI::V3;

/// Confines the process for good.
///
/// # Errors
/// There are other threads, the kernel refuses, or without its capabilities the process could not write to `state_dir`.
pub(crate) fn confine(model: &Model) -> Result<()> {
    let threads = fs::read_dir("/proc/self/task").context("cannot count the threads")?.count();
    ensure!(threads == 1, "{threads} threads run already, so not all of them could be confined");
    if let Err(error) = oom_score::learn() {
        tracing::warn!("cannot open /proc/self/oom_score_adj, so commands have what tgdns has: {error}");
    }
    prctl::set_no_new_privs().context("cannot set no_new_privs")?;
    confine_writing(&writable(model))?;
    let kept = capabilities::keep(&capabilities::to_keep(model)).context("cannot drop capabilities")?;
    let names: Vec<&str> = kept.iter().map(Capability::name).collect();
    tracing::info!(kept = names.join(" "), "dropped all other capabilities");
    still_writes(&model.state_directory)
}

/// Its own directories, and those that the configuration adds for commands.
fn writable(model: &Model) -> Vec<PathBuf> {
    let mut writable = vec![PathBuf::from("/dev/null"), model.state_directory.clone()];
    writable.extend(model.control.parent().map(Path::to_path_buf));
    if model.xdp_mode != XdpMode::Off {
        writable.push(model.pin_directory.clone());
    }
    writable.extend(model.writable.iter().cloned());
    writable
}

fn confine_writing(writable: &[PathBuf]) -> Result<()> {
    let access = AccessFs::from_write(WRITING);
    let confined = Ruleset::default()
        .handle_access(access)
        .and_then(Ruleset::create)
        .and_then(|rules| rules.add_rules(path_beneath_rules(writable, access)))
        .and_then(landlock::RulesetCreated::restrict_self)
        .context("cannot limit by Landlock where files are written")?;
    match confined.ruleset {
        RulesetStatus::FullyEnforced => {}
        RulesetStatus::PartiallyEnforced => {
            tracing::info!(
                "this kernel's Landlock is older than 6.2: it does not limit the truncation of files"
            );
        }
        RulesetStatus::NotEnforced => tracing::warn!(
            "this kernel has no Landlock, so files are guarded by their rights alone: boot with lsm=landlock,… where it is \
             compiled in"
        ),
    }
    Ok(())
}

/// Root without capabilities is bound by the rights of files.
fn still_writes(directory: &Path) -> Result<()> {
    let Err(error) = access(directory, AccessFlags::W_OK | AccessFlags::X_OK) else { return Ok(()) };
    let (user, shown) = (nix::unistd::Uid::effective(), directory.display());
    bail!(
        "state_dir {shown} belongs to another user, so user {user} cannot write it without capabilities ({}): run tgdns as \
         its owner, or `chown {user} {shown}`",
        error.desc()
    )
}
