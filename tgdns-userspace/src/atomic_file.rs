//! Files that are replaced as a whole: whoever reads finds the old contents or the new ones.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

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
    let mut file = File::create(fresh)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(fresh, path)?;
    // The new name, too.
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}
