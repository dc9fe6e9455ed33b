use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    thread,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::*;
use crate::child::MOST_HUNG;

/// Enough for whatever ends by itself.
const TIMEOUT: Duration = Duration::from_secs(60);

async fn run(script: &str, timeout: Duration) -> Outcome {
    let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    let destination = Destination::at("10.9.9.9:443");
    probe(&Exec { command }, &destination, timeout, &Hung::default()).await.expect("a verdict")
}

/// The outcome of a command that hangs. Its time is up as soon as there is a file with so many lines: the clock stands still for
/// as long as somebody waits for that.
async fn run_until(script: &str, note: &Path, lines: usize) -> Outcome {
    tokio::time::pause();
    let path = note.to_owned();
    let until = tokio::task::spawn_blocking(move || {
        let start = Instant::now();
        while count(&path) < lines {
            assert!(start.elapsed() < TIMEOUT, "{} has {} lines of {lines}", path.display(), count(&path));
            thread::sleep(Duration::from_millis(5));
        }
    });
    let (outcome, noted) = tokio::join!(run(script, TIMEOUT), until);
    tokio::time::resume();
    noted.expect("the lines");
    outcome
}

/// A new directory.
fn directory(test: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tgdns-exec-probe-{}-{test}", std::process::id()));
    fs::create_dir_all(&path).expect("a directory");
    path
}

/// How many lines a file has.
fn count(note: &Path) -> usize {
    fs::read_to_string(note).unwrap_or_default().lines().count()
}

fn cause(outcome: Outcome) -> String {
    match outcome {
        Outcome::Success { report, .. } => format!("success {report:?}"),
        Outcome::Failure { cause, .. } => cause,
    }
}

#[tokio::test]
async fn ends() {
    for (script, expected) in [
        ("exit 3", "ended with 3"),
        ("echo; echo disk full; echo more; exit 1", "ended with 1: disk full"),
        ("echo on stderr >&2; exit 2", "ended with 2: on stderr"),
        ("kill -TERM $$", "ended by signal 15"),
        ("printf 'a\\tb\\n'; exit 1", "ended with 1: \"a\\tb\""),
        (
            "echo $TGDNS_CLUSTER $TGDNS_SERVER $TGDNS_ADDRESS $TGDNS_PORT; exit 9",
            "ended with 9: c.test c-1 10.9.9.9 443",
        ),
        ("echo down '#' no licence", "it says down (no licence)"),
        // Its environment is not the controller's.
        ("echo ${HOME:-none} $PWD; exit 1", "ended with 1: none /"),
    ] {
        assert_eq!(cause(run(script, TIMEOUT).await), expected, "{script}");
    }
    let outcome = run("echo all is well", TIMEOUT).await;
    assert!(outcome.is_success() && outcome.report().weight.is_none(), "{outcome:?}");
    let outcome = run("echo 50%", TIMEOUT).await;
    assert_eq!(outcome.report().weight, Some(crate::health::ReportedWeight::Percent(50)));
}

#[tokio::test]
async fn what_hangs_is_killed() {
    let directory = directory("hangs");
    let note = directory.join("note");
    // Nor does a signal that is caught hold it up.
    let script = format!("trap '' TERM INT HUP; echo so far; echo 1 > {}; sleep 600", note.display());
    assert_eq!(cause(run_until(&script, &note, 1).await), "killed after 1m: so far");
    fs::remove_dir_all(&directory).expect("removed");
}

#[tokio::test]
async fn what_never_stops_writing_is_killed() {
    assert_eq!(cause(run("yes", TIMEOUT).await), "killed after 65536 bytes of output: y");
}

#[tokio::test]
async fn a_child_that_keeps_the_output_open_is_not_waited_for() {
    assert!(run("sleep 600 & exit 0", TIMEOUT).await.is_success());
}

/// Children in the background, children of children, and the controller that gives up the probe midway.
#[tokio::test]
async fn nothing_is_left_of_a_command() {
    let directory = directory("nothing");
    let note = |name: &str| directory.join(name);
    let forker = |name: &str, end: &str| {
        let path = note(name);
        let path = path.display();
        format!(
            "(sleep 600 & echo $! >>{path}; sleep 600 & echo $! >>{path}; echo $$ >>{path}) & wait $!; echo $! >>{path}; {end}"
        )
    };
    run(&forker("ended", "exit 1"), TIMEOUT).await;
    run_until(&forker("hung", "sleep 600"), &note("hung"), 4).await;
    let given_up = forker("given-up", "sleep 600");
    tokio::select! {
        outcome = run(&given_up, TIMEOUT) => panic!("{outcome:?}"),
        () = async {
            while count(&note("given-up")) != 4 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        } => {}
    }
    for name in ["ended", "hung", "given-up"] {
        let processes = fs::read_to_string(note(name)).expect("the processes' numbers");
        let processes: Vec<&str> = processes.lines().collect();
        assert_eq!(processes.len(), 4, "{name}: {processes:?}");
        for process in processes {
            gone(name, process).await;
        }
    }
    fs::remove_dir_all(&directory).expect("removed");
}

/// Orphans are their new parent's to reap, so a zombie of it is as good as gone.
async fn gone(name: &str, process: &str) {
    let deadline = Instant::now() + TIMEOUT;
    let state = PathBuf::from("/proc").join(process).join("stat");
    while let Ok(stat) = fs::read_to_string(&state) {
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ours = fields.get(1) == Some(&std::process::id().to_string().as_str());
        if fields.first() == Some(&"Z") && !ours {
            return;
        }
        assert!(Instant::now() < deadline, "{name}: process {process} is there still: {stat}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Supervisors that are stopped end nothing, themselves included.
#[tokio::test]
async fn where_too_many_hang_no_other_is_run() {
    let directory = directory("stopped");
    let note = directory.join("note");
    let stops = format!("echo $PPID >> {}; kill -STOP $PPID; exec sleep 600", note.display());
    let ask = async |script: &str, hung: &Hung| {
        let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        probe(&Exec { command }, &Destination::at("10.9.9.9"), TIMEOUT, hung).await
    };
    let hung = Hung::default();
    let supervisors = || -> Vec<i32> {
        let noted = fs::read_to_string(&note).unwrap_or_default();
        noted.lines().map(|line| line.parse().expect("a number")).collect()
    };
    let are_stopped = || {
        let is_stopped = |pid: &i32| {
            fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") T "))
        };
        supervisors().iter().filter(|pid| is_stopped(pid)).count() == MOST_HUNG
    };
    let hanging = futures_util::future::join_all((0..MOST_HUNG).map(|_| ask(&stops, &hung)));
    tokio::select! {
        outcomes = hanging => panic!("{outcomes:?}"),
        () = until(are_stopped) => {}
    }
    until(|| hung.count() == MOST_HUNG).await;
    let error = ask("exit 0", &hung).await.expect_err("it is not run").to_string();
    assert!(
        error.starts_with("cannot run /bin/sh: 32 commands hang though they were killed: see "),
        "{error}"
    );
    for supervisor in supervisors() {
        kill(Pid::from_raw(supervisor), Signal::SIGCONT).expect("it is there still");
    }
    until(|| hung.count() == 0).await;
    assert!(ask("exit 0", &hung).await.expect("a verdict").is_success());
    fs::remove_dir_all(&directory).expect("removed");
}

async fn until(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < TIMEOUT);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_command_that_cannot_be_run_is_this_host_s_fault() {
    let directory = directory("untrusted");
    let (script, note) = (directory.join("check"), directory.join("note"));
    fs::write(&script, format!("#!/bin/sh\necho run > {}\n", note.display())).expect("written");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o757)).expect("its owner's");
    let script = script.to_str().expect("text");
    let untrusted = format!(
        "cannot run {script}: {script} can be written by everybody, so it is not run: `chmod o-w {script}`"
    );
    for (program, expected) in [
        (script, untrusted.as_str()),
        ("/nonexistent/check", "cannot run /nonexistent/check: No such file or directory (os error 2)"),
        ("/etc", "cannot run /etc: Permission denied (os error 13)"),
    ] {
        let kind = Exec { command: vec![program.to_owned()] };
        let error = probe(&kind, &Destination::at("10.9.9.9"), TIMEOUT, &Hung::default())
            .await
            .expect_err("no verdict");
        assert_eq!(error.to_string(), expected);
    }
    assert!(!note.exists(), "it was run");
    fs::remove_dir_all(&directory).expect("removed");
}
