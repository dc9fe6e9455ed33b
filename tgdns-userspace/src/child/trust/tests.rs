use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use super::*;

/// A user of no host.
const OTHER: u32 = 64_053;

/// Whoever may change what is run is told of, and of a group no more than that.
#[test]
fn what_another_user_or_everybody_can_change_is_not_run() {
    let top = std::env::temp_dir().join(format!("tgdns-trust-{}", std::process::id()));
    fs::create_dir_all(&top).unwrap();
    let top = fs::canonicalize(top).unwrap();
    for (name, [directory_owner, directory_mode], [owner, group, mode], refused) in [
        ("well", [0, 0o755], [0, 0, 0o755], None),
        ("everybody", [0, 0o755], [0, 0, 0o757], Some("D/program can be written by everybody")),
        ("theirs", [0, 0o755], [OTHER, 0, 0o755], Some("D/program belongs to user 64053")),
        ("group", [0, 0o755], [0, OTHER, 0o775], None),
        (
            "directory",
            [0, 0o777],
            [0, 0, 0o755],
            Some("D, on the way to D/program, can be written by everybody, who could put another"),
        ),
        ("their-directory", [OTHER, 0o755], [0, 0, 0o755], Some("D, on the way to D/program, belongs to ")),
        ("sticky", [0, 0o1777], [0, 0, 0o755], None),
        ("theirs-in-sticky", [0, 0o1777], [OTHER, 0, 0o755], Some("D/program belongs to user 64053")),
    ] {
        let directory = top.join(name);
        let program = directory.join("program");
        fs::create_dir(&directory).unwrap();
        fs::write(&program, "").unwrap();
        chown(&program, Some(owner), Some(group)).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
        chown(&directory, Some(directory_owner), None).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(directory_mode)).unwrap();
        let link = top.join(format!("link-{name}"));
        symlink(&program, &link).unwrap();
        let found = admit(&program).err();
        assert_eq!(admit(&link).is_err(), refused.is_some(), "{name} by a link");
        assert_eq!(found.is_some(), refused.is_some(), "{name}: {found:?}");
        if let (Some(found), Some(start)) = (found, refused) {
            assert!(Untrusted::is(&found), "{found:?}");
            let told = found.to_string().replace(&directory.display().to_string(), "D");
            assert!(told.starts_with(start) && told.contains("so it is not run: `ch"), "{told}");
        }
    }
    // Whoever owns a link in a directory such as /tmp can lead it elsewhere.
    let theirs = top.join("sticky/link");
    symlink(top.join("well/program"), &theirs).unwrap();
    assert!(admit(&theirs).is_ok());
    std::os::unix::fs::lchown(&theirs, Some(OTHER), None).unwrap();
    let told = admit(&theirs).unwrap_err().to_string();
    assert!(told.ends_with(&format!("`chown -h root {}`", theirs.display())), "{told}");
    // What is not there is no matter of trust.
    let missing = admit(&top.join("none")).unwrap_err();
    assert_eq!((missing.kind(), Untrusted::is(&missing)), (ErrorKind::NotFound, false));
    fs::remove_dir_all(&top).unwrap();
}
