//! Starting other programs, and showing what they are at.

use std::{
    env,
    ffi::OsStr,
    io::{BufRead as _, BufReader, IsTerminal as _, Read, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

/// Runs a command that speaks for itself; an error names the command.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", line(command)))?;
    ensure!(status.success(), "`{}` ended with {status}", line(command));
    Ok(())
}

/// Runs a command behind one line of progress: what, its last line, how long. All that it printed is shown only
/// when it fails.
pub(crate) fn run_behind(what: &str, command: &mut Command) -> Result<()> {
    let started = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start `{}`", line(command)))?;
    let (sender, lines) = mpsc::channel();
    for stream in [child.stdout.take().map(boxed), child.stderr.take().map(boxed)].into_iter().flatten() {
        forward(stream, sender.clone());
    }
    drop(sender);

    let mut progress = Progress::new(what, started);
    let mut printed = Vec::new();
    loop {
        match lines.recv_timeout(Duration::from_millis(200)) {
            Ok(line) => printed.push(line),
            Err(RecvTimeoutError::Timeout) => progress.show(printed.last().map_or("", String::as_str)),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.wait().context("waiting for a child")?;
    progress.clear();
    if !status.success() {
        eprintln!("{}", printed.join("\n"));
        bail!("{what}: `{}` ended with {status}", line(command));
    }
    println!("{what}: done in {:.1} s", started.elapsed().as_secs_f32());
    Ok(())
}

/// What a command prints, or nothing where it is missing or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Cargo, at the top of the repository.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(repository());
    // What cargo told this program of its package: `ring` is built again, and all that needs it, where that changes.
    for (name, _) in env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
    command
}

/// The same for what runs test programs. They need root, so where the user is not, they alone run through sudo.
pub(crate) fn cargo_as_root() -> Command {
    let mut command = cargo();
    if !is_root() {
        command.args(["--config", "target.'cfg(all())'.runner = ['sudo', '--preserve-env']"]);
    }
    command
}

/// The top of the repository.
pub(crate) fn repository() -> PathBuf {
    // Cargo tells where the package is; the path at compile time may be of a folder that was moved since.
    let package = env::var_os("CARGO_MANIFEST_DIR").map_or(env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.parent().map_or(package.clone(), Path::to_path_buf)
}

/// The target folder, which the environment may have moved.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| repository().join("target"), |named| repository().join(named))
}

/// The path of a program, looked up as the shell does, and in the places that a plain user's `PATH` may lack.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(system).map(|folder| folder.join(program)).find(|path| path.is_file())
}

pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// A command line for people.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

fn boxed(stream: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(stream)
}

fn forward(stream: Box<dyn Read + Send>, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            if lines.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                return;
            }
        }
    });
}

/// On a terminal one line that changes; elsewhere a line every ten seconds.
struct Progress {
    started: Instant,
    shown: Instant,
    terminal: bool,
}

impl Progress {
    fn new(what: &str, started: Instant) -> Self {
        println!("{what} …");
        Self { started, shown: started, terminal: std::io::stdout().is_terminal() }
    }

    fn show(&mut self, last: &str) {
        let elapsed = self.started.elapsed().as_secs();
        let last: String = last.trim().chars().filter(|character| !character.is_control()).take(70).collect();
        if self.terminal {
            print!("\r\x1b[K  {elapsed} s: {last}");
            // A terminal that went away is no reason to stop the work.
            drop(std::io::stdout().flush());
        } else if self.shown.elapsed() >= Duration::from_secs(10) {
            self.shown = Instant::now();
            println!("  {elapsed} s: {last}");
        }
    }

    fn clear(&self) {
        if self.terminal {
            print!("\r\x1b[K");
        }
    }
}
