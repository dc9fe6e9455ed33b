//! Checks before the start: every reason why `tgdns run` cannot work on this host, with what to do about it.
//!
//! Each check reads the host and leaves the verdict to a pure function.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nix::{
    net::if_::if_nameindex,
    sys::{statfs, utsname},
    unistd::{AccessFlags, access},
};

use crate::{
    cluster::{Model, XdpMode},
    control, publish,
};

pub mod capabilities;
pub mod commands;
pub mod kernel;
pub mod ownership;

/// All problems at once, each a sentence that says what to do; empty where the start may go on. Changes nothing.
pub fn problems(model: &Model) -> Vec<String> {
    let missing = capabilities::problem(&process_status(), &capabilities::needed_here(model));
    let group = control::group_problem(model.control_group.as_deref());
    missing.into_iter().chain(problems_of_any(model, &model.interfaces)).chain(group).collect()
}

/// The same for a running controller, which has dropped what it does not need, and is to take another configuration.
pub fn problems_of_reload(before: &Model, model: &Model) -> Vec<String> {
    let missing = capabilities::problem(&process_status(), &capabilities::still_needed(model));
    let missing =
        missing.map(|problem| format!("restart tgdns, which has dropped what it did not need; {problem}"));
    // Where the group stays the same, it has been let in already.
    let is_new = before.control_group != model.control_group;
    let group = model.control_group.as_deref().filter(|_| is_new);
    // One that is gone is answered on again when it returns.
    let interfaces: Vec<String> =
        model.interfaces.iter().filter(|name| !before.interfaces.contains(name)).cloned().collect();
    missing
        .into_iter()
        .chain(problems_of_any(model, &interfaces))
        .chain(control::group_problem(group))
        .collect()
}

/// `interfaces` are those that have to exist.
fn problems_of_any(model: &Model, interfaces: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    let fast_path = model.xdp_mode != XdpMode::Off;
    problems.extend(publish::excess(model));
    if fast_path {
        problems.extend(kernel::problem(&release()));
        problems.extend(pin_directory_problem(&model.pin_directory));
        problems.extend(ownership::problem("pin_dir", &model.pin_directory));
        problems.extend(interface_problems(interfaces, &existing_interfaces()));
    }
    problems.extend(directory_problem("state_dir", &model.state_directory));
    problems.extend(ownership::problem("state_dir", &model.state_directory));
    problems.extend(model.control.parent().and_then(ownership::problem_of_socket_directory));
    let missing = model.writable.iter().filter(|path| !path.exists());
    problems.extend(
        missing.map(|path| format!("writable: there is no {0}: make it, or take it away", path.display())),
    );
    problems
}

fn process_status() -> String {
    fs::read_to_string("/proc/self/status").unwrap_or_default()
}

fn release() -> String {
    utsname::uname().map(|names| names.release().to_string_lossy().into_owned()).unwrap_or_default()
}

/// The directory may be missing, so the nearest one above it that exists tells the filesystem.
fn pin_directory_problem(pin_directory: &Path) -> Option<String> {
    let existing = nearest_existing(pin_directory);
    let on_bpffs =
        statfs::statfs(&existing).is_ok_and(|found| found.filesystem_type() == statfs::BPF_FS_MAGIC);
    (!on_bpffs).then(|| {
        format!(
            "pin_dir {} is not on a BPF filesystem: mount one with `mount -t bpf bpf /sys/fs/bpf` and set pin_dir \
             below /sys/fs/bpf",
            pin_directory.display()
        )
    })
}

/// Those of the thread's network namespace, which `/sys` need not show.
fn existing_interfaces() -> Vec<String> {
    let Ok(found) = if_nameindex() else { return Vec::new() };
    let mut names: Vec<String> =
        found.iter().map(|interface| interface.name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn interface_problems(wanted: &[String], existing: &[String]) -> Vec<String> {
    let missing = wanted.iter().filter(|name| !existing.contains(name));
    missing
        .map(|name| {
            format!(
                "interface {name} does not exist; this host has {}: correct `interfaces`",
                existing.join(", ")
            )
        })
        .collect()
}

fn directory_problem(key: &str, directory: &Path) -> Option<String> {
    let existing = nearest_existing(directory);
    if !existing.is_dir() {
        let (directory, existing) = (directory.display(), existing.display());
        return Some(format!(
            "{key} {directory} cannot be a directory, because {existing} is none: correct `{key}`"
        ));
    }
    let error = access(&existing, AccessFlags::W_OK | AccessFlags::X_OK).err()?;
    Some(format!(
        "{key} {} cannot be written ({}: {}): make it writable for this user, or correct `{key}`",
        directory.display(),
        existing.display(),
        error.desc()
    ))
}

fn nearest_existing(path: &Path) -> PathBuf {
    let existing = path.ancestors().find(|ancestor| ancestor.exists());
    match existing {
        None => PathBuf::from("."),
        Some(empty) if empty.as_os_str().is_empty() => PathBuf::from("."),
        Some(existing) => existing.to_path_buf(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn check_interfaces(wanted: &[&str], existing: &[&str], expected: &[&str]) {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(interface_problems(&owned(wanted), &owned(existing)), expected);
    }

    #[test]
    fn missing_interfaces_are_named_beside_the_existing_ones() {
        check_interfaces(&["eth0"], &["eth0", "lo"], &[]);
        check_interfaces(&[], &["lo"], &[]);
        check_interfaces(
            &["eth7", "lo", "eth8"],
            &["eth0", "lo"],
            &[
                "interface eth7 does not exist; this host has eth0, lo: correct `interfaces`",
                "interface eth8 does not exist; this host has eth0, lo: correct `interfaces`",
            ],
        );
    }

    #[test]
    fn the_host_has_a_loopback_interface() {
        assert!(existing_interfaces().contains(&"lo".to_owned()));
    }

    #[test]
    fn a_pin_directory_outside_bpffs_is_refused_with_the_mount_command() {
        let problem = pin_directory_problem(Path::new("/proc/tgdns-is-not-here")).unwrap();
        assert!(problem.contains("mount -t bpf bpf /sys/fs/bpf"), "{problem}");
        assert!(problem.starts_with("pin_dir /proc/tgdns-is-not-here is not on"), "{problem}");
    }

    #[test]
    fn a_state_directory_below_a_file_is_refused() {
        let problem = directory_problem("state_dir", Path::new("/proc/version/tgdns")).unwrap();
        assert_eq!(
            problem,
            "state_dir /proc/version/tgdns cannot be a directory, because /proc/version is none: correct `state_dir`"
        );
    }

    #[test]
    fn a_missing_state_directory_in_a_writable_place_is_accepted() {
        let directory = std::env::temp_dir().join("tgdns-preflight-is-not-here/state");
        assert_eq!(directory_problem("state_dir", &directory), None);
        assert!(!directory.exists(), "the check must not create anything");
    }

    #[test]
    fn the_nearest_existing_directory_is_found() {
        for (path, expected) in [("/proc/self", "/proc/self"), ("/nowhere/at/all", "/"), ("nowhere", ".")] {
            assert_eq!(nearest_existing(Path::new(path)), Path::new(expected), "{path}");
        }
    }
}
