//! Who else could write what the controller reads and obeys?

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use nix::unistd::Uid;

/// Why a file or directory cannot be trusted. What does not exist has no owner yet.
pub fn problem(key: &str, path: &Path) -> Option<String> {
    let found = fs::metadata(path).ok()?;
    let cause = cause(found.uid(), found.mode(), Uid::effective().as_raw())?;
    Some(format!("{key} {} {cause}", path.display()))
}

/// The same of the control socket's directory, which may be one for everybody, such as /tmp: nobody can replace the socket there.
pub fn problem_of_socket_directory(directory: &Path) -> Option<String> {
    let is_sticky = fs::metadata(directory).is_ok_and(|found| found.mode() & libc::S_ISVTX != 0);
    if is_sticky { None } else { problem("control: its directory", directory) }
}

/// Root is trusted, and the user that the controller runs as. A group is somebody's decision.
fn cause(owner: u32, mode: u32, user: u32) -> Option<String> {
    if mode & libc::S_IWOTH != 0 {
        return Some("can be written by everybody: take that away with `chmod o-w`".to_owned());
    }
    (owner != 0 && owner != user).then(|| {
        format!("belongs to user {owner}, who could tell tgdns what to do: run tgdns as that user, or `chown {user}` it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_oneself_are_trusted_and_no_file_for_everybody() {
        for (owner, mode, user, expected) in [
            (0, 0o100_644, 0, None),
            (0, 0o40_755, 977, None),
            (977, 0o40_770, 977, None),
            (977, 0o40_700, 0, Some("belongs to user 977")),
            (0, 0o100_666, 0, Some("can be written by everybody")),
            (977, 0o41_777, 977, Some("can be written by everybody")),
        ] {
            let found = cause(owner, mode, user);
            assert_eq!(found.is_some(), expected.is_some(), "{owner} {mode:o} {user}: {found:?}");
            assert!(expected.is_none_or(|start| found.is_some_and(|found| found.starts_with(start))));
        }
    }
}
