//! The lab itself: that its wire changes nothing, and that nothing stays behind.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tests::lab::{
    process, program,
    raw::{DEVICE_INTERFACE, Wire},
    run::Run,
    verdict::{Verdict, VerdictProgram},
};

const DEVICE: [u8; 6] = [2, 0, 0, 0, 0, 1];
const QUIET: Duration = Duration::from_millis(100);

#[test]
fn frames_come_back_as_they_are() -> Result<()> {
    let wire = wire(Verdict::Transmit)?;
    let plain = frame(&[0x08, 0x00], 60);
    let tagged = frame(&[0x81, 0x00, 0x60, 0x05, 0x08, 0x00], 200);
    let twice_tagged = frame(&[0x88, 0xa8, 0x00, 0x07, 0x81, 0x00, 0x00, 0x08, 0x08, 0x00], 1514);
    for sent in [plain, tagged, twice_tagged] {
        assert_eq!(wire.exchange(&sent, QUIET)?, [sent]);
    }
    Ok(())
}

#[test]
fn nothing_comes_back_from_a_device_that_passes() -> Result<()> {
    let wire = wire(Verdict::Pass)?;
    assert!(wire.exchange(&frame(&[0x08, 0x00], 60), QUIET)?.is_empty());
    Ok(())
}

#[test]
fn interrupted_demo_leaves_nothing() -> Result<()> {
    let demo = end_demo(Signal::SIGINT)?;
    assert_eq!(demo.status.code(), Some(128 + Signal::SIGINT as i32));
    assert_eq!(traces(demo.identifier)?, Vec::<String>::new());
    Ok(())
}

#[test]
fn next_run_removes_what_a_killed_one_left() -> Result<()> {
    let demo = end_demo(Signal::SIGKILL)?;
    assert_eq!(demo.status.signal(), Some(Signal::SIGKILL as i32));
    let _run = Run::start()?;
    assert_eq!(traces(demo.identifier)?, Vec::<String>::new());
    Ok(())
}

struct EndedDemo {
    identifier: u32,
    status: ExitStatus,
}

/// Starts the demo, and sends it a signal while its machines are there and its programs are being started.
fn end_demo(signal: Signal) -> Result<EndedDemo> {
    let mut demo = Command::new(program::of_workspace("demo")?).stdout(Stdio::piped()).spawn()?;
    let identifier = demo.id();
    let mut sent = false;
    for line in BufReader::new(demo.stdout.take().context("the demo has no output")?).lines() {
        if line?.contains("load balancers: tgdns") {
            kill(Pid::from_raw(identifier.cast_signed()), signal)?;
            sent = true;
        }
    }
    let status = demo.wait()?;
    ensure!(sent, "the demo ended before it came to the load balancers: {status}");
    Ok(EndedDemo { identifier, status })
}

/// A wire to a device with one verdict for all frames.
fn wire(verdict: Verdict) -> Result<Wire> {
    let run = Run::start()?;
    let program = VerdictProgram::load(&run, verdict)?;
    let wire = Wire::new(run, DEVICE)?;
    program.attach(&wire.device, DEVICE_INTERFACE)?;
    Ok(wire)
}

/// A frame to the device with a run of bytes after the types.
fn frame(types: &[u8], length: usize) -> Vec<u8> {
    let mut frame = [&DEVICE[..], &[2, 0, 0, 0, 0, 2], types].concat();
    frame.extend((0..=u8::MAX).cycle().take(length - frame.len()));
    frame
}

/// Whatever carries the name of a process's runs: namespaces, files, pins, and programs that still run.
fn traces(identifier: u32) -> Result<Vec<String>> {
    let name = format!("tgdns-lab-{identifier}-");
    let mut traces = Vec::new();
    for directory in ["/run/netns", "/sys/fs/bpf", "/etc/netns"] {
        traces.extend(entries(Path::new(directory))?.into_iter().filter(|entry| entry.contains(&name)));
    }
    let name = format!("tgdns-lab/{identifier}-");
    let runs = entries(&std::env::temp_dir().join("tgdns-lab"))?;
    traces.extend(runs.into_iter().filter(|entry| entry.contains(&name)));
    let processes = process::of_runs(|run| run.starts_with(&format!("{identifier}-")))?;
    traces.extend(processes.iter().map(|process| format!("process {process}")));
    Ok(traces)
}

/// The paths of what is in a directory, which need not exist.
fn entries(directory: &Path) -> Result<Vec<String>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))?;
    entries.map(|entry| Ok(entry?.path().display().to_string())).collect()
}
