//! Who has this process for a parent, its orphaned descendants included.

use std::{fs, io, path::Path};

use rustix::process::Pid;

/// Of the calling process, which has one thread.
///
/// # Errors
/// `/proc` can't be read.
pub(super) fn children() -> io::Result<Vec<Pid>> {
    children_in(Path::new("/proc"), rustix::process::getpid())
}

fn children_in(proc: &Path, parent: Pid) -> io::Result<Vec<Pid>> {
    // One file tells it where the kernel has it (CONFIG_PROC_CHILDREN), even of processes that others may not see.
    match fs::read_to_string(proc.join("thread-self/children")) {
        Ok(text) => Ok(text.split_ascii_whitespace().filter_map(pid).collect()),
        Err(_) => children_of_all(proc, parent),
    }
}

/// The processes that say so of themselves.
fn children_of_all(proc: &Path, parent: Pid) -> io::Result<Vec<Pid>> {
    let entries: Vec<_> = fs::read_dir(proc)?.collect::<io::Result<_>>()?;
    let numbers = entries.iter().filter_map(|entry| entry.file_name().to_str().and_then(pid));
    let is_child = |process: &Pid| {
        // It may have ended.
        let stat = fs::read(proc.join(process.to_string()).join("stat")).unwrap_or_default();
        parent_of(&stat) == Some(parent)
    };
    let mut numbers = numbers.peekable();
    // Somebody reads this, so there is one at least.
    numbers.peek().ok_or(io::ErrorKind::NotFound)?;
    Ok(numbers.filter(is_child).collect())
}

/// From `PID (NAME) STATE PARENT …`, where the name may be any bytes.
fn parent_of(stat: &[u8]) -> Option<Pid> {
    let end_of_name = stat.iter().rposition(|byte| *byte == b')')?;
    let fields = str::from_utf8(stat.get(end_of_name + 1..)?).ok()?;
    fields.split_ascii_whitespace().nth(1).and_then(pid)
}

fn pid(text: &str) -> Option<Pid> {
    Pid::from_raw(text.parse().ok()?)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
