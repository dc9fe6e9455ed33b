use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::PathBuf,
};

use super::*;
use crate::config;

/// A directory of this test alone.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tgdns-commands-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(fs::canonicalize(&path).unwrap())
    }

    /// A program with a mode, in a directory with another.
    fn program(&self, name: &str, directory_mode: u32, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(directory_mode)).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `D` stands for the test's directory.
#[track_caller]
fn check(directory: &Directory, program: &Path, expected: &[&str]) {
    let causes = causes(program, 0);
    let causes: Vec<String> =
        causes.iter().map(|cause| cause.replace(&directory.0.display().to_string(), "D")).collect();
    assert_eq!(causes, expected, "{}", program.display());
}

#[test]
fn a_program_has_to_be_there_and_executable() {
    let directory = Directory::new("fit");
    let at = |name: &str| directory.0.join(name);
    check(&directory, &directory.program("a/well", 0o755, 0o755), &[]);
    check(&directory, &at("none"), &["there is no D/none: put it there, or correct `command`"]);
    check(
        &directory,
        &at("b/none"),
        &["there is no D/b, on the way to D/b/none: put it there, or correct `command`"],
    );
    check(&directory, &at("a"), &["D/a is no file: correct `command`"]);
    check(
        &directory,
        &directory.program("a/text", 0o755, 0o644),
        &["D/a/text cannot be executed: `chmod a+x D/a/text`"],
    );
    symlink("round", at("round")).unwrap();
    let loops = causes(&at("round"), 0).remove(0);
    assert!(loops.contains("Too many levels of symbolic links"), "{loops}");
}

#[test]
fn nobody_else_may_change_it_nor_what_leads_to_it() {
    let directory = Directory::new("others");
    let put = "who could put another program in its place, so it is not run";
    for (name, directory_mode, mode, expected) in [
        (
            "a/all",
            0o755,
            0o757,
            Some("D/a/all can be written by everybody, so it is not run: `chmod o-w D/a/all`".to_owned()),
        ),
        (
            "b/all",
            0o777,
            0o755,
            Some(format!("D/b, on the way to D/b/all, can be written by everybody, {put}: `chmod o-w D/b`")),
        ),
        // As /tmp: what is in it is root's.
        ("c/all", 0o1777, 0o755, None),
        // Of root's own group.
        ("d/all", 0o775, 0o775, None),
    ] {
        let program = directory.program(name, directory_mode, mode);
        check(&directory, &program, expected.as_deref().as_slice());
    }
    let program = directory.program("e/theirs", 0o755, 0o775);
    chown(&program, Some(0), Some(977)).unwrap();
    let group =
        "D/e/theirs can be written by group 977, and runs with what tgdns may do: `chmod g-w D/e/theirs`";
    check(&directory, &program, &[group]);
    chown(&program, Some(977), None).unwrap();
    let user = "D/e/theirs belongs to user 977, so it is not run: `chown root D/e/theirs`";
    check(&directory, &program, &[user]);
    let told = causes(&program, 977);
    assert_eq!(told.len(), 1, "its own user, and the group: {told:?}");
    // Where a link leads counts, too.
    let program = directory.program("f/well", 0o777, 0o755);
    symlink(&program, directory.0.join("link")).unwrap();
    let link = directory.0.join("link");
    let way = format!("D/f, on the way to D/link, can be written by everybody, {put}: `chmod o-w D/f`");
    check(&directory, &link, &[&way]);
}

/// Each program once, with all who run it.
#[test]
fn of_hooks_and_probes() {
    let text = r#"
        interfaces = ["eth0"]
        hook = [
            { command = ["/nonexistent/tell", "a"] },
            { command = ["/nonexistent/tell", "b"] },
            { command = ["/bin/sh"] },
            { url = "http://192.0.2.1/" },
        ]
        [[cluster]]
        name = "c.netz"
        probe = { type = "exec", command = ["/nonexistent/check"] }
        part = [{ first = "10.0.0.1", count = 3 }]
        server = [{ name = "c-3", probe = { command = ["/nonexistent/tell"] } }]
    "#;
    let model = config::parse(text, "F").unwrap();
    let end = "on the way to /nonexistent";
    assert_eq!(
        warnings(&model),
        [
            format!(
                "c.netz: probe exec: there is no /nonexistent, {end}/check: put it there, or correct `command`"
            ),
            format!(
                "c.netz: probe exec, hook: there is no /nonexistent, {end}/tell: put it there, or correct `command`"
            ),
        ]
    );
}
