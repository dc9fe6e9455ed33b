use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use rustix::process::getpid;

use super::*;

/// A `/proc` of these files.
fn proc(name: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("tgdns-children-{}-{name}", std::process::id()));
    for (file, text) in files {
        let path = directory.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

fn numbers(pids: Vec<Pid>) -> Vec<i32> {
    let mut numbers: Vec<i32> = pids.into_iter().map(Pid::as_raw_pid).collect();
    numbers.sort_unstable();
    numbers
}

const PROCESSES: [(&str, &[u8]); 6] = [
    ("1/stat", b"1 (init) S 0 1 1 0"),
    ("7/stat", b"7 (tgdns-command) S 1 7 7 0"),
    ("8/stat", b"8 (a) S 1 (\xff\n) Z 7 8 7 0"),
    ("9/stat", b"9 (sh) R 8 7 7 0"),
    ("10/stat", b"10 () D 7 7 7 0"),
    ("uptime", b"7 7"),
];

#[test]
fn without_the_kernel_s_list_all_processes_are_looked_at() {
    let proc = proc("scanned", &PROCESSES);
    assert_eq!(numbers(children_in(&proc, Pid::from_raw(7).unwrap()).unwrap()), [8, 10]);
    assert!(children_in(&proc, Pid::from_raw(11).unwrap()).unwrap().is_empty());
    fs::remove_dir_all(proc).unwrap();
}

#[test]
fn the_kernel_s_list_is_believed() {
    let files = [&PROCESSES[..], &[("thread-self/children", b"12 34 ")]].concat();
    let proc = proc("listed", &files);
    assert_eq!(numbers(children_in(&proc, Pid::from_raw(7).unwrap()).unwrap()), [12, 34]);
    fs::remove_dir_all(proc).unwrap();
}

#[test]
fn without_processes_nothing_is_known() {
    let hidden = proc("hidden", &[("uptime", b"7 7")]);
    for proc in [hidden.as_path(), Path::new("/nonexistent")] {
        assert!(children_in(proc, getpid()).is_err());
    }
    fs::remove_dir_all(hidden).unwrap();
}

/// As this kernel shows them.
#[test]
fn a_child_is_found_among_all_processes() {
    let mut child = Command::new("sleep").arg("600").stdout(Stdio::null()).spawn().unwrap();
    let found = children_of_all(Path::new("/proc"), getpid()).unwrap();
    let is_found = found.contains(&Pid::from_child(&child));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(is_found, "{found:?}");
    assert!(!found.contains(&getpid()));
}
