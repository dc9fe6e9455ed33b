//! The file of the admin states: replaced as a whole, and on the disk before anyone is told that it is.

use std::{fs, io::ErrorKind, path::Path};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::Admins;
use crate::atomic_file::{self, Replaced};

/// In the state directory.
const NAME: &str = "admin.json";
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Contents {
    version: u32,
    #[serde(flatten)]
    admins: Admins,
}

/// The states that were saved last. A file that cannot be understood is moved aside and told of in the log: it must not
/// keep the controller from starting.
///
/// # Errors
/// A file that cannot be read or moved.
pub fn read(directory: &Path) -> Result<Admins> {
    let path = directory.join(NAME);
    let text = match atomic_file::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Admins::default()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    match serde_json::from_slice::<Contents>(&text) {
        Ok(contents) if contents.version == VERSION => Ok(contents.admins),
        other => {
            let cause = match other {
                Ok(contents) => format!("it has version {}, not {VERSION}", contents.version),
                Err(error) => error.to_string(),
            };
            let aside = path.with_extension("json.unreadable");
            fs::rename(&path, &aside).with_context(|| format!("cannot move {} aside", path.display()))?;
            tracing::error!(
                "{} cannot be understood, so all servers are ready: {cause}; it lies in {} now",
                path.display(),
                aside.display()
            );
            Ok(Admins::default())
        }
    }
}

/// What the file has.
#[derive(Debug)]
pub struct Saved {
    pub admins: Admins,
    /// Why a loss of power may undo it, where the disk did not confirm that it has it.
    pub doubt: Option<String>,
}

/// Saves the states; on return they survive a loss of power, unless there is a doubt. Blocks for as long as the disk takes.
///
/// # Errors
/// The disk's, with the file as it was.
pub fn write(directory: &Path, admins: Admins) -> Result<Saved> {
    let path = directory.join(NAME);
    let contents = Contents { version: VERSION, admins };
    let mut text = serde_json::to_vec_pretty(&contents).context("the admin states cannot be written")?;
    text.push(b'\n');
    let replaced = atomic_file::replace(&path, &text).with_context(|| {
        format!("cannot save the admin states in {}: nothing was changed", path.display())
    })?;
    let doubt = match replaced {
        Replaced::Durably => None,
        Replaced::Unconfirmed(error) => Some(format!(
            "it is done and saved in {}, but the disk did not confirm that, so a loss of power may undo it: {error}; \
             see to the disk, and say it again",
            path.display()
        )),
    };
    Ok(Saved { admins: contents.admins, doubt })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::admin::{AdminState, Said};

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("tgdns-admin-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            let mut names: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn some() -> Admins {
        let mut admins = Admins::default();
        let said = Said { state: AdminState::Drain, reason: Some("a fan".into()), since: 5, until: Some(9) };
        admins.set("internet-1", said);
        admins
    }

    #[test]
    fn what_is_written_is_read() {
        let directory = Directory::new("read");
        assert_eq!(read(&directory.0).unwrap(), Admins::default());
        let saved = write(&directory.0, some()).unwrap();
        assert_eq!((saved.admins, saved.doubt), (some(), None));
        assert_eq!(read(&directory.0).unwrap(), some());
        write(&directory.0, Admins::default()).unwrap();
        assert_eq!(read(&directory.0).unwrap(), Admins::default());
        assert_eq!(directory.names(), ["admin.json"]);
    }

    #[test]
    fn what_cannot_be_understood_is_moved_aside() {
        let directory = Directory::new("aside");
        for text in ["", "{\"version\":1,\"servers\":{\"a\":", "{\"version\":2,\"servers\":{}}"] {
            fs::write(directory.0.join(NAME), text).unwrap();
            assert_eq!(read(&directory.0).unwrap(), Admins::default(), "{text:?}");
            assert_eq!(fs::read_to_string(directory.0.join("admin.json.unreadable")).unwrap(), text);
        }
    }

    #[test]
    fn a_failure_leaves_the_file_as_it_was() {
        let directory = Directory::new("failure");
        write(&directory.0, some()).unwrap();
        // The fresh file's name is taken by a directory.
        fs::create_dir(directory.0.join("admin.json.new")).unwrap();
        let error = format!("{:#}", write(&directory.0, Admins::default()).unwrap_err());
        assert!(error.contains("nothing was changed"), "{error}");
        assert_eq!(read(&directory.0).unwrap(), some());
    }
}
