//! Whether the commands of probes and hooks are there, can be executed, and are nobody else's to change: those that are not
//! run for that are told of before they would be.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::Metadata,
    io::ErrorKind,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use nix::unistd::{AccessFlags, Uid, access};

use crate::{
    child::trust::{exposures, way},
    cluster::{Call, Model, ProbeKind},
};

const ANYBODY_MAY_EXECUTE: u32 = 0o111;

/// One line for all that is wrong with each command: its path, and what to do. Reads directories.
pub fn warnings(model: &Model) -> Vec<String> {
    let user = Uid::effective().as_raw();
    let told = |(program, users): (&str, BTreeSet<String>)| {
        let users = users.into_iter().collect::<Vec<_>>().join(", ");
        let causes = causes(Path::new(program), user).into_iter();
        causes.map(move |cause| format!("{users}: {cause}")).collect::<Vec<_>>()
    };
    users(model).into_iter().flat_map(told).collect()
}

/// Who runs each program: "hook", or a cluster's name with a probe's.
fn users(model: &Model) -> BTreeMap<&str, BTreeSet<String>> {
    let servers =
        model.clusters.iter().flat_map(|cluster| cluster.servers.iter().map(move |of| (cluster, of)));
    let probes = servers.flat_map(|(cluster, of)| of.probes.iter().map(move |probe| (cluster, probe)));
    let of_probes = probes.filter_map(|(cluster, probe)| match &probe.kind {
        ProbeKind::Exec(exec) => Some((&exec.command, format!("{}: probe {}", cluster.name, probe.name))),
        ProbeKind::Tcp(_)
        | ProbeKind::Http(_)
        | ProbeKind::Tls(_)
        | ProbeKind::Icmp
        | ProbeKind::Dns(_)
        | ProbeKind::File(_)
        | ProbeKind::Agent(_) => None,
    });
    let of_hooks = model.hooks.iter().filter_map(|hook| match &hook.call {
        Call::Command(words) => Some((words, "hook".to_owned())),
        Call::Webhook(_) => None,
    });
    let mut users: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (words, user) in of_probes.chain(of_hooks) {
        if let Some(program) = words.first() {
            users.entry(program).or_default().insert(user);
        }
    }
    users
}

/// What is wrong with a program, for a controller that runs as this user.
fn causes(program: &Path, user: u32) -> Vec<String> {
    let shown = program.display();
    let way = match way(program) {
        Ok(way) => way,
        Err((place, error)) => {
            let place = place.display();
            let on_the_way = if place.to_string() == shown.to_string() {
                String::new()
            } else {
                format!(", on the way to {shown}")
            };
            return vec![if error.kind() == ErrorKind::NotFound {
                format!("there is no {place}{on_the_way}: put it there, or correct `command`")
            } else {
                format!(
                    "cannot look at {place}{on_the_way} ({error}): let the user that runs tgdns pass there, or correct \
                     `command`"
                )
            }];
        }
    };
    let unfit = way.last().and_then(|(place, found)| unfit(place, found));
    unfit.into_iter().chain(exposures(program, &way, user).map(|exposure| exposure.cause)).collect()
}

/// Why it cannot be executed.
fn unfit(place: &Path, found: &Metadata) -> Option<String> {
    let shown = place.display();
    if !found.is_file() {
        return Some(format!("{shown} is no file: correct `command`"));
    }
    if found.mode() & ANYBODY_MAY_EXECUTE == 0 {
        return Some(format!("{shown} cannot be executed: `chmod a+x {shown}`"));
    }
    let error = access(place, AccessFlags::X_OK).err()?;
    Some(format!(
        "{shown} cannot be executed by this user ({}): `chmod a+x {shown}`, or mount its file system without noexec",
        error.desc()
    ))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
