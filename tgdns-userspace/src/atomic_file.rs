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

/// Replaces a file. On return its new contents survive a loss of power. Blocks for as long as the disk takes.
///
/// # Errors
/// The disk's, with the file as it was.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = Path::new(&fresh);
    let replaced = write(path, fresh, contents);
    if replaced.is_err() {
        let _ = fs::remove_file(fresh);
    }
    replaced
}

fn write(path: &Path, fresh: &Path, contents: &[u8]) -> io::Result<()> {
    // What a run left that was killed; a link that somebody put there goes, and is not followed.
    match fs::remove_file(fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = File::options().write(true).create_new(true).mode(OWNER_ALONE).open(fresh)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(fresh, path)?;
    // The new name, too.
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}
