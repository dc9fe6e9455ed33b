//! Files that are replaced as a whole: whoever reads finds the old contents or the new ones.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// The mode of a file that is written.
const OWNER_ALONE: u32 = 0o600;

/// Reads a file that [`replace`] has written, which is no link.
///
/// # Errors
/// As `fs::read`, and of a link.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    File::options().read(true).custom_flags(libc::O_NOFOLLOW).open(path)?.read_to_end(&mut contents)?;
    Ok(contents)
}

/// A file has its new contents.
#[derive(Debug)]
#[must_use]
pub(crate) enum Replaced {
    /// They survive a loss of power.
    Durably,
    /// The disk did not confirm its new name, so that a loss of power may bring the old contents back.
    Unconfirmed(io::Error),
}

/// Replaces a file. Blocks for as long as the disk takes.
///
/// # Errors
/// The disk's, with the file as it was.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> io::Result<Replaced> {
    replace_and(path, contents, File::sync_all)
}

/// `sync` is told of the fresh file before the rename, and of its directory behind it.
fn replace_and(
    path: &Path,
    contents: &[u8],
    mut sync: impl FnMut(&File) -> io::Result<()>,
) -> io::Result<Replaced> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = Path::new(&fresh);
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    // Before anything is changed, so that behind the rename one thing is left that may fail.
    let directory = File::open(directory.unwrap_or(Path::new(".")))?;
    if let Err(error) = write(fresh, contents, &mut sync).and_then(|()| fs::rename(fresh, path)) {
        let _ = fs::remove_file(fresh);
        return Err(error);
    }
    Ok(match sync(&directory) {
        Ok(()) => Replaced::Durably,
        Err(error) => Replaced::Unconfirmed(error),
    })
}

fn write(path: &Path, contents: &[u8], sync: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    // What a run left that was killed; a link that somebody put there goes, and is not followed.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = File::options().write(true).create_new(true).mode(OWNER_ALONE).open(path)?;
    file.write_all(contents)?;
    sync(&file)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn before_the_rename_nothing_is_changed_and_behind_it_all_is() {
        let directory = std::env::temp_dir().join(format!("tgdns-atomic-file-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("file");
        assert!(matches!(replace(&path, b"one").unwrap(), Replaced::Durably));
        let broken = || Err(io::Error::other("the disk is broken"));
        let is_directory = |file: &File| file.metadata().unwrap().is_dir();
        // The contents are on the disk before they have the name, and the name is when all is said to be well.
        let mut synced = Vec::new();
        let replaced = replace_and(&path, b"synced", |file| {
            synced.push((is_directory(file), file.metadata()?.len(), fs::read(&path)?));
            Ok(())
        });
        assert!(matches!(replaced.unwrap(), Replaced::Durably));
        let [(false, 6, before), (true, _, behind)] = &synced[..] else { panic!("{synced:?}") };
        assert_eq!((&before[..], &behind[..]), (&b"one"[..], &b"synced"[..]));
        replace_and(&path, b"lost", |file| if is_directory(file) { Ok(()) } else { broken() }).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"synced");
        assert!(!directory.join("file.new").exists());
        let replaced = replace_and(&path, b"two", |file| if is_directory(file) { broken() } else { Ok(()) });
        let replaced = replaced.unwrap();
        assert!(
            matches!(replaced, Replaced::Unconfirmed(error) if error.to_string() == "the disk is broken")
        );
        assert_eq!(fs::read(&path).unwrap(), b"two");
        // The fresh file's name is taken.
        fs::create_dir(directory.join("file.new")).unwrap();
        replace_and(&path, b"three", |_| panic!("nothing was renamed")).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        fs::remove_dir_all(&directory).unwrap();
    }
}
