//! What does a file of this host say of the server?

use std::{
    fs::OpenOptions,
    io::{self, ErrorKind, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use tokio::task::spawn_blocking;

use super::{Destination, conversation::quoted, words::Said};
use crate::{
    admin::AdminState,
    cluster::File,
    health::{Outcome, ReportedWeight},
};

/// More of the file is not read.
const MOST: u64 = 4096;

/// So many reads may hang. Each has a thread, and what else has to do with disks needs some, too.
const MOST_READS: usize = 32;
static READS: AtomicUsize = AtomicUsize::new(0);

/// Reads the file: one that is not there says that the server is not well. A disk that hangs holds up no probe but those of files.
///
/// # Errors
/// A file that cannot be read, or not in time, says nothing of the server: that is this host's fault.
pub(super) async fn probe(kind: &File, destination: &Destination, timeout: Duration) -> io::Result<Outcome> {
    let path = kind
        .path
        .replace("{server}", &destination.server)
        .replace("{address}", &destination.address.ip().to_string());
    let started = Instant::now();
    if READS.fetch_add(1, Ordering::Relaxed) >= MOST_READS {
        READS.fetch_sub(1, Ordering::Relaxed);
        return Err(io::Error::other(format!("{MOST_READS} earlier reads of state files hang")));
    }
    let reading = spawn_blocking({
        let path = path.clone();
        move || {
            let text = read(&path);
            READS.fetch_sub(1, Ordering::Relaxed);
            text
        }
    });
    let Ok(read) = tokio::time::timeout(timeout, reading).await else {
        let timeout = humantime::format_duration(timeout);
        return Err(io::Error::new(ErrorKind::TimedOut, format!("{path} was not read within {timeout}")));
    };
    let text = read.map_err(io::Error::other)?;
    Ok(match text {
        Ok(text) => judge(&text, &path, started.elapsed()),
        Err(error) if error.kind() == ErrorKind::NotFound => Outcome::failure(format!("there is no {path}")),
        Err(error) => return Err(io::Error::new(error.kind(), format!("cannot read {path}: {error}"))),
    })
}

fn read(path: &str) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    // A named pipe would be waited for.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    file.take(MOST).read_to_end(&mut text)?;
    Ok(text)
}

/// A file says all that there is to say: without a word of drain the server is ready, without a weight it has its own.
fn judge(text: &[u8], path: &str, took: Duration) -> Outcome {
    match Said::read(&String::from_utf8_lossy(text)) {
        Some(mut said) => {
            said.report.state.get_or_insert(AdminState::Ready);
            said.report.weight.get_or_insert(ReportedWeight::Percent(100));
            said.into_outcome(took)
        }
        None if text.is_empty() => Outcome::failure(format!("{path} is empty")),
        None => Outcome::failure(format!("{path} says {}, which is no state", quoted(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The server may be as well as ever.
    #[test]
    fn a_read_that_hangs_says_nothing_of_the_server() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(1)
            .build()
            .expect("a runtime");
        // The read waits for the one thread that it could have.
        let (free, taken) = std::sync::mpsc::channel::<()>();
        let thread = runtime.spawn_blocking(move || taken.recv());
        let kind = File { path: "/proc/self/status".to_owned() };
        let timeout = Duration::from_millis(20);
        let outcome = runtime.block_on(probe(&kind, &Destination::at("10.9.9.9"), timeout));
        let expected = "/proc/self/status was not read within 20ms";
        assert_eq!(outcome.expect_err("no verdict").to_string(), expected);
        drop(free);
        runtime.block_on(thread).expect("the thread").expect_err("it was only waited for");
    }

    /// The states that a person or a script writes, one after the other.
    #[tokio::test]
    async fn states_as_they_are_written() {
        let directory = std::env::temp_dir().join(format!("tgdns-file-probe-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let kind = File { path: format!("{}/{{server}}-{{address}}", directory.display()) };
        let path = directory.join("c-1-10.9.9.9");
        let shown = path.display();
        for (text, expected) in [
            (None, Err(format!("there is no {shown}"))),
            (Some("up\n"), Ok((AdminState::Ready, 100))),
            (Some("drain"), Ok((AdminState::Drain, 100))),
            (Some("up 30%\n"), Ok((AdminState::Ready, 30))),
            (Some("maint 0%"), Ok((AdminState::Maint, 0))),
            (Some("up"), Ok((AdminState::Ready, 100))),
            (Some("down # no disk"), Err("it says down (no disk)".to_owned())),
            (Some(""), Err(format!("{shown} is empty"))),
            (Some("dwon"), Err(format!("{shown} says \"dwon\", which is no state"))),
            (None, Err(format!("there is no {shown}"))),
        ] {
            match text {
                Some(text) => std::fs::write(&path, text).expect("write"),
                None => drop(std::fs::remove_file(&path)),
            }
            let outcome = probe(&kind, &Destination::at("10.9.9.9"), Duration::from_secs(5)).await;
            let told = match outcome.expect("a verdict") {
                Outcome::Failure { cause, .. } => Err(cause),
                Outcome::Success { report, .. } => Ok((
                    report.state.expect("a state"),
                    match report.weight.expect("a weight") {
                        ReportedWeight::Percent(weight) | ReportedWeight::Absolute(weight) => weight,
                    },
                )),
            };
            assert_eq!(told, expected, "{text:?}");
        }
        // What is no file at all.
        std::fs::create_dir(&path).expect("a directory");
        let outcome = probe(&kind, &Destination::at("10.9.9.9"), Duration::from_secs(5)).await;
        let expected = format!("cannot read {shown}: Is a directory (os error 21)");
        assert_eq!(outcome.expect_err("no verdict").to_string(), expected);
        std::fs::remove_dir_all(&directory).expect("removed");
    }
}
