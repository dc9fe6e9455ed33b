//! Directories that a start makes, and takes away again where it fails.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Those that were missing, deepest first. What is still empty of them goes when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Made(Vec<PathBuf>);

impl Made {
    /// Makes a directory and those above it.
    ///
    /// # Errors
    /// As `create_dir_all`; what was made until then is gone again.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let missing = path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
        let made = Self(missing.map(Path::to_path_buf).collect());
        fs::create_dir_all(path)?;
        Ok(made)
    }

    /// Leaves them where they are.
    pub(crate) fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in &self.0 {
            // Somebody else may use it by now.
            let _ = fs::remove_dir(path);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_made_and_is_empty_goes() {
        let root = std::env::temp_dir().join(format!("tgdns-made-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        let (used, deep) = (root.join("used"), root.join("used/free/deep"));

        drop(Made::create(&deep).unwrap());
        assert!(root.exists() && !used.exists());

        let made = Made::create(&deep).unwrap();
        fs::write(used.join("file"), "").unwrap();
        drop(made);
        assert!(used.exists() && !used.join("free").exists());

        Made::create(&deep).unwrap().keep();
        assert!(deep.exists());
        drop(Made::create(&deep).unwrap());
        assert!(deep.exists(), "it was there before");

        fs::remove_dir_all(&root).unwrap();
    }
}
