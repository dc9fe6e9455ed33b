//! Whether the commands of probes and hooks are there, can be executed, and are nobody else's to change.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, Metadata},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt as _,
    path::{Component, Path, PathBuf},
};

use nix::unistd::{AccessFlags, Uid, access};

use crate::cluster::{Call, Model, ProbeKind};

const GROUP_MAY_WRITE: u32 = 0o020;
const OTHERS_MAY_WRITE: u32 = 0o002;
const ANYBODY_MAY_EXECUTE: u32 = 0o111;
/// Of a directory: what is in it is its owner's alone to replace.
const STICKY: u32 = 0o1000;
/// As the kernel has it.
const MOST_LINKS: usize = 40;

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
    let writers = way.iter().filter_map(|(place, found)| {
        let (who, remedy) = other_writer(found, user)?;
        let place = place.display();
        Some(match place.to_string() == shown.to_string() {
            true => format!("{shown} {who}, and runs with what tgdns may do: `{remedy} {place}`"),
            false => format!(
                "{place}, on the way to {shown}, {who}, who could put another program in its place: `{remedy} {place}`"
            ),
        })
    });
    let unfit = way.last().and_then(|(place, found)| unfit(place, found));
    unfit.into_iter().chain(writers).collect()
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

/// Who else than root and the user can change what is there or, of a directory, in it; and the command against that. In a
/// sticky directory the rest is told of what is in it.
fn other_writer(found: &Metadata, user: u32) -> Option<(String, &'static str)> {
    let (owner, group, mode) = (found.uid(), found.gid(), found.mode());
    if owner != 0 && owner != user {
        return Some((format!("belongs to user {owner}"), "chown root"));
    }
    if found.is_symlink() || (found.is_dir() && mode & STICKY != 0) {
        return None;
    }
    if mode & OTHERS_MAY_WRITE != 0 {
        return Some(("can be written by everybody".to_owned(), "chmod o-w"));
    }
    (mode & GROUP_MAY_WRITE != 0 && group != 0)
        .then(|| (format!("can be written by group {group}"), "chmod g-w"))
}

/// All directories and links on the way to a file, and the file last; or the first place that cannot be passed.
fn way(file: &Path) -> Result<Vec<(PathBuf, Metadata)>, (PathBuf, io::Error)> {
    let mut here = PathBuf::from("/");
    let look = |place: PathBuf| match fs::symlink_metadata(&place) {
        Ok(found) => Ok((place, found)),
        Err(error) => Err((place, error)),
    };
    let mut passed = vec![look(here.clone())?];
    let mut links = 0;
    let mut ahead: Vec<PathBuf> = pieces(file);
    while let Some(piece) = ahead.pop() {
        match piece.components().next() {
            None | Some(Component::CurDir | Component::Prefix(_)) => {}
            Some(Component::RootDir) => here = PathBuf::from("/"),
            Some(Component::ParentDir) => drop(here.pop()),
            Some(Component::Normal(name)) => {
                let (place, found) = look(here.join(name))?;
                if found.is_symlink() {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err((place, io::Error::from(nix::errno::Errno::ELOOP)));
                    }
                    match fs::read_link(&place) {
                        Ok(target) => ahead.extend(pieces(&target)),
                        Err(error) => return Err((place, error)),
                    }
                } else {
                    here.clone_from(&place);
                }
                passed.push((place, found));
            }
        }
    }
    Ok(passed)
}

/// A path's components, the first one last.
fn pieces(path: &Path) -> Vec<PathBuf> {
    path.components().rev().map(|piece| PathBuf::from(piece.as_os_str())).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
