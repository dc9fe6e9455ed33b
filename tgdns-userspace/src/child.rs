//! Commands of this host, each under a supervisor of its own.
//!
//! A command that somebody else could change is not run ([`trust`]). Any other gets a new session, an environment of its own,
//! and none of this process's descriptors, capabilities and limits. The supervisor is this program once more
//! ([`supervise_if_asked`]): it tells how the command has ended, and then, or when nobody listens to it any more, kills all
//! that the command has started. So a command whose [`Running`] is dropped, or whose controller was killed, leaves nothing
//! behind, whatever session and group it is in.

mod children;
mod confinement;
mod hung;
pub(crate) mod oom_score;
mod supervisor;
pub(crate) mod trust;

use std::{
    convert::Infallible,
    io::{self, ErrorKind, PipeWriter},
    os::unix::process::ExitStatusExt as _,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, ChildStdout, Command},
    runtime::Handle,
};

pub(crate) use hung::Hung;
#[cfg(test)]
pub(crate) use hung::MOST as MOST_HUNG;
pub use supervisor::supervise_if_asked;
use supervisor::{End, MOST_CAUSE, Report};
pub(crate) use trust::Untrusted;

/// Where a command's output goes to.
pub(crate) enum Output {
    /// What it prints is dropped, and its errors go where this process's go.
    Dropped,
    /// All of it.
    Kept(PipeWriter),
}

/// A command and all that it has started. Dropping it kills them; if they do not end they are counted.
pub(crate) struct Running {
    /// Until it is dropped.
    supervisor: Option<Child>,
    report: ChildStdout,
    hung: Hung,
}

/// Starts a program without a shell, with nothing of this process's environment but what is given.
///
/// # Errors
/// No process can be started, or too many hang. That the program can't be run is told by [`Running::ended`].
pub(crate) fn start(
    words: &[String],
    environment: Vec<(&'static str, String)>,
    input: Stdio,
    output: Output,
    hung: &Hung,
) -> io::Result<Running> {
    hung.admit()?;
    // This very program, even where another version lies in its place by now.
    let mut command = Command::new("/proc/self/exe");
    command.arg0(supervisor::NAME).env_clear().current_dir("/").stdin(input).stdout(Stdio::piped());
    match output {
        Output::Dropped => command.arg(supervisor::DROP_OUTPUT),
        Output::Kept(writer) => command.arg(supervisor::KEEP_OUTPUT).stderr(writer),
    };
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.envs(environment).args(words);
    let mut supervisor = oom_score::unspared(|| command.spawn())?;
    let report = supervisor.stdout.take().ok_or(ErrorKind::BrokenPipe)?;
    Ok(Running { supervisor: Some(supervisor), report, hung: hung.clone() })
}

impl Running {
    /// Waits for the command's end. What it has left behind is killed without being waited for.
    ///
    /// # Errors
    /// It is not there, or can't be run, or is [`Untrusted`], or somebody killed the supervisor.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        let mut report = Report::default();
        self.report.read_exact(&mut report).await.map_err(|error| {
            let is_gone = error.kind() == ErrorKind::UnexpectedEof;
            if is_gone { io::Error::other("its supervisor has ended before it") } else { error }
        })?;
        match End::from(report) {
            End::Status(status) => Ok(ExitStatus::from_raw(status)),
            End::NotRun(number) => Err(not_run(io::Error::from_raw_os_error(number))),
            End::Untrusted => {
                let mut cause = Vec::new();
                (&mut self.report).take(MOST_CAUSE).read_to_end(&mut cause).await?;
                Err(Untrusted(String::from_utf8_lossy(&cause).into_owned()).into())
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Without a runtime this process is about to end.
        if let (Some(supervisor), Ok(runtime)) = (self.supervisor.take(), Handle::try_current()) {
            runtime.spawn(self.hung.clone().watch(supervisor));
        }
    }
}

fn not_run(error: io::Error) -> io::Error {
    // Of a file that may not be executed the kernel says EACCES.
    if error.raw_os_error() != Some(libc::EPERM) {
        return error;
    }
    let cause = format!("{error}: it wants capabilities (see `getcap`), and commands get none");
    io::Error::new(error.kind(), cause)
}

/// Runs a program that reads `input`; gives its status, or nothing where it had to be killed.
///
/// # Errors
/// It is not there, or can't be run, or is [`Untrusted`], or too many hang.
pub(crate) async fn run(
    words: &[String],
    environment: Vec<(&'static str, String)>,
    input: &[u8],
    timeout: Duration,
    hung: &Hung,
) -> io::Result<Option<ExitStatus>> {
    let mut child = start(words, environment, Stdio::piped(), Output::Dropped, hung)?;
    let mut stdin = child.supervisor.as_mut().and_then(|supervisor| supervisor.stdin.take());
    let end = tokio::time::timeout(timeout, async {
        tokio::select! {
            status = child.ended() => status,
            never = feed(&mut stdin, input) => match never {},
        }
    });
    end.await.ok().transpose()
}

/// Who does not care for the input need not read it, and may end before it has.
async fn feed(stdin: &mut Option<ChildStdin>, input: &[u8]) -> Infallible {
    if let Some(mut stdin) = stdin.take() {
        let _ = stdin.write_all(input).await;
    }
    std::future::pending().await
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
