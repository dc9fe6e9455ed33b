use std::{
    fs::{self, File},
    io::Read as _,
    os::fd::AsRawFd as _,
    path::Path,
    time::Instant,
};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        signal::{SigHandler, SigSet, Signal, signal},
    },
};

use super::*;

/// What can only fail by never coming.
const PATIENCE: Duration = Duration::from_secs(60);

fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

/// What a script prints until its end.
async fn printed(script: &str) -> String {
    let (mut reader, writer) = io::pipe().unwrap();
    let mut child =
        start(&shell(script), vec![], Stdio::null(), Output::Kept(writer), &Hung::default()).unwrap();
    let status = tokio::time::timeout(PATIENCE, child.ended()).await.unwrap().unwrap();
    assert!(status.success(), "{script}: {status}");
    drop(child);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text
}

/// Waits until a process is no more, or waits for its new parent at most.
async fn gone(process: &str) {
    let start = Instant::now();
    let stat = Path::new("/proc").join(process).join("stat");
    while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(start.elapsed() < PATIENCE, "{process} is there still");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn reports_are_read_as_they_were_written() {
    for end in [
        End::Status(0),
        End::Status(256),
        End::Status(-1),
        End::NotRun(1),
        End::NotRun(i32::MAX),
        End::Untrusted,
    ] {
        assert_eq!(End::from(Report::from(end)), end);
    }
}

#[tokio::test]
async fn a_command_has_no_capabilities_and_gets_none() {
    let status = printed("exec cat /proc/self/status").await;
    // A shell and what it forks would unblock them.
    assert!(status.contains("SigBlk:\t0000000000000000\n"), "{status}");
    let value = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    for key in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:", "CapBnd:"] {
        assert_eq!(value(key), Some("0000000000000000"), "{key}\n{status}");
    }
    assert_eq!(value("NoNewPrivs:"), Some("1"), "{status}");
}

#[tokio::test]
async fn a_command_inherits_neither_descriptors_nor_limits_nor_environment() {
    // As a shell may leave it to the controller.
    let left_open = File::open("/etc/passwd").unwrap();
    fcntl(&left_open, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    assert!(hard > 1024 && left_open.as_raw_fd() > 2);
    // The shell's descriptors, as `ls` has opened the folder.
    let told = printed("ls /proc/$$/fd; ulimit -Sn; env | sort; pwd").await;
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(told, format!("0\n1\n2\n1024\n{path}\nPWD=/\n/\n"));
}

/// A session of its own, a group of its own within it, and no terminal.
#[tokio::test]
async fn a_command_has_its_own_session() {
    let stat = printed("cat /proc/$$/stat").await;
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let own = fs::read_to_string("/proc/self/stat").unwrap();
    let own: Vec<&str> = own.rsplit_once(") ").unwrap().1.split(' ').collect();
    let id = stat.split(' ').next().unwrap();
    let (group, session, terminal) = (fields[2], fields[3], fields[4]);
    assert_eq!((group, terminal), (id, "0"));
    assert_ne!(session, own[3]);
}

/// Neither another session, nor another group, nor an ended parent gets anybody out of reach.
#[tokio::test]
async fn nobody_escapes() {
    let notes = std::env::temp_dir().join(format!("tgdns-child-{}", std::process::id()));
    let escape = format!(
        "note() {{ echo $1 >> {0}; }}
         setsid sh -c 'echo $$ >> {0}; trap \"\" TERM HUP INT; sleep 600 & echo $! >> {0}; wait' &
         (setsid sleep 600 & note $!) &
         ( (sleep 600 & note $!) & ) &
         while [ \"$(wc -l < {0})\" != 4 ]; do :; done",
        notes.display()
    );
    for end in ["", "sleep 600"] {
        fs::write(&notes, "").unwrap();
        let mut child = start(
            &shell(&format!("{escape}\n{end}")),
            vec![],
            Stdio::null(),
            Output::Dropped,
            &Hung::default(),
        )
        .unwrap();
        let count = || fs::read_to_string(&notes).unwrap().lines().count();
        let start = Instant::now();
        while count() != 4 {
            assert!(start.elapsed() < PATIENCE, "{} of 4", count());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if end.is_empty() {
            tokio::time::timeout(PATIENCE, child.ended()).await.unwrap().unwrap();
        }
        drop(child);
        for process in fs::read_to_string(&notes).unwrap().lines() {
            gone(process).await;
        }
    }
    fs::remove_file(&notes).unwrap();
}

/// What a command sends to its group stops nobody else.
#[tokio::test]
async fn a_signal_to_the_group_is_the_commands_own() {
    assert_eq!(printed("trap '' TERM; kill -TERM 0; echo on").await, "on\n");
}

/// The command goes with it.
#[tokio::test]
async fn a_killed_supervisor_is_told() {
    let note = std::env::temp_dir().join(format!("tgdns-child-killed-{}", std::process::id()));
    let script = format!("echo $$ > {}; kill -KILL $PPID; exec sleep 600", note.display());
    let mut child = start(&shell(&script), vec![], Stdio::null(), Output::Dropped, &Hung::default()).unwrap();
    let error = tokio::time::timeout(PATIENCE, child.ended()).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "its supervisor has ended before it");
    let command = fs::read_to_string(&note).unwrap();
    fs::remove_file(&note).unwrap();
    gone(command.trim()).await;
}

/// Whatever whoever started the controller has told the kernel of signals.
#[tokio::test]
async fn signals_do_what_they_do_by_default() {
    let mut command = Command::new("/proc/self/exe");
    command.arg0(supervisor::NAME).arg(supervisor::KEEP_OUTPUT);
    // A shell that waits for what it has started blocks signals itself.
    command.args(shell("exec grep -E '^Sig(Blk|Ign)' /proc/self/status"));
    let ignored = [Signal::SIGCHLD, Signal::SIGHUP, Signal::SIGTERM];
    // SAFETY: two system calls, which take no memory.
    unsafe {
        command.pre_exec(move || {
            for number in ignored {
                signal(number, SigHandler::SigIgn)?;
            }
            Ok(SigSet::all().thread_block()?)
        });
    }
    let output = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output()).await.unwrap().unwrap();
    assert_eq!(output.stdout, Report::from(End::Status(0)));
    let told = String::from_utf8(output.stderr).unwrap();
    let sets: Vec<u64> = told
        .lines()
        .map(|line| u64::from_str_radix(line.split_once(":\t").unwrap().1, 16).unwrap())
        .collect();
    assert_eq!((sets.len(), sets[0]), (2, 0), "{told}");
    // `std::process` ignores SIGPIPE in this process, and not in others.
    for number in ignored.into_iter().chain([Signal::SIGPIPE]) {
        assert_eq!(sets[1] & 1 << (number as i32 - 1), 0, "{number}: {told}");
    }
}

/// A supervisor that can't find what a command has left does not wait for it for ever.
#[tokio::test]
async fn without_proc_it_ends() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg0(supervisor::NAME).arg(supervisor::KEEP_OUTPUT);
    command.args(shell("setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $!"));
    // SAFETY: system calls, which take constants.
    unsafe {
        command.pre_exec(|| {
            unshare(CloneFlags::CLONE_NEWNS)?;
            let none = None::<&str>;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
            Ok(mount(Some("none"), "/proc", Some("tmpfs"), MsFlags::empty(), none)?)
        });
    }
    let output = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output()).await.unwrap().unwrap();
    let left = String::from_utf8(output.stderr).unwrap();
    let left = rustix::process::Pid::from_raw(left.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(left, rustix::process::Signal::KILL).unwrap();
    assert_eq!(output.stdout, Report::from(End::Status(0)));
}
