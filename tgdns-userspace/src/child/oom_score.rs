//! When memory runs out the kernel may spare the controller (`OOMScoreAdjust=` of the unit), but not the commands that it runs.
//!
//! Children inherit that, and who is confined (Landlock) writes to no file of `/proc` but one that was open before. So the
//! controller gives up its own privilege for as long as it takes to start a process. Taking it back needs no right where
//! somebody with it has given it (fs/proc/base.c, `oom_score_adj_min`).

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// This process's, where it is spared.
static SPARED: Mutex<Option<OomScore>> = Mutex::new(None);

/// What ordinary processes have.
const ORDINARY: i32 = 0;

/// Learns whether this process is spared. To be called before it is confined.
///
/// # Errors
/// It is, and nothing can be done about that for commands.
pub(crate) fn learn() -> io::Result<()> {
    *spared() = OomScore::open()?.filter(|score| score.own < ORDINARY);
    Ok(())
}

/// Starts a process, which is not spared.
pub(super) fn unspared<T>(start: impl FnOnce() -> T) -> T {
    let mut spared = spared();
    let Some(score) = spared.as_mut() else { return start() };
    let (started, changed) = score.raised(ORDINARY, start);
    if let Err(error) = changed {
        tracing::warn!(
            "cannot set oom_score_adj from {} to {ORDINARY} for a command, and back: {error}; from now on commands have what \
             tgdns has",
            score.own
        );
        *spared = None;
    }
    started
}

fn spared() -> MutexGuard<'static, Option<OomScore>> {
    SPARED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `oom_score_adj` of this process.
struct OomScore {
    file: File,
    /// What it was when that was opened: -1000 (never killed) to 1000.
    own: i32,
}

impl OomScore {
    /// Nothing on a kernel without it.
    fn open() -> io::Result<Option<Self>> {
        let path = "/proc/self/oom_score_adj";
        let opened = File::options().read(true).write(true).open(path);
        let mut file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let own = text.trim().parse().map_err(io::Error::other)?;
        Ok(Some(Self { file, own }))
    }

    /// Does something while it is as given; tells whether it is what it was again.
    fn raised<T>(&mut self, score: i32, act: impl FnOnce() -> T) -> (T, io::Result<()>) {
        let raised = self.set(score);
        let done = act();
        (done, raised.and_then(|()| self.set(self.own)))
    }

    fn set(&mut self, score: i32) -> io::Result<()> {
        self.file.write_all(score.to_string().as_bytes())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{fs, process::Command};

    use super::*;

    /// As root without the right to lower it below what it has been, the test raises it further.
    #[test]
    fn a_process_that_is_started_does_not_inherit_it() {
        let mut score = OomScore::open().unwrap().unwrap();
        let own = fs::read_to_string("/proc/self/oom_score_adj").unwrap();
        assert_eq!(own.trim(), score.own.to_string());
        let other = score.own + 300;
        let start = || Command::new("cat").arg("/proc/self/oom_score_adj").output().unwrap();
        let (output, lowered) = score.raised(other, start);
        lowered.unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), other.to_string());
        assert_eq!(fs::read_to_string("/proc/self/oom_score_adj").unwrap(), own);
    }
}
