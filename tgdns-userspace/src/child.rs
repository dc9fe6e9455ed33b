//! A command of this host, in a process group of its own: when it has ended or its time is up, all that is left of the
//! group is killed. Nothing of it outlives that but what leaves the group on purpose.

use std::{
    convert::Infallible,
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, ChildStdin, Command},
};

/// A program without a shell, and with nothing of this process's environment.
pub(crate) fn command(program: &str, arguments: &[String]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir("/").process_group(0).kill_on_drop(true);
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// Runs a [`command`], which reads `input`; gives its status, or nothing where it had to be killed.
///
/// # Errors
/// It is not there, or can't be run.
pub(crate) async fn run(
    command: &mut Command,
    input: &[u8],
    timeout: Duration,
) -> io::Result<Option<ExitStatus>> {
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    let _group = Group::of(&child);
    let mut stdin = child.stdin.take();
    let end = tokio::time::timeout(timeout, async {
        tokio::select! {
            status = child.wait() => status,
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

/// The processes of one [`command`], which are killed when it is dropped.
pub(crate) struct Group(Option<Pid>);

impl Group {
    pub(crate) fn of(leader: &Child) -> Self {
        Self(leader.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Without the leader, which has been waited for, there may be none left. Its number is not given to another one
        // within that short time: the kernel gives them in turn.
        if let Some(Err(error)) = self.0.map(|group| killpg(group, Signal::SIGKILL))
            && error != Errno::ESRCH
        {
            tracing::warn!("cannot kill what is left of a command: {error}");
        }
    }
}
