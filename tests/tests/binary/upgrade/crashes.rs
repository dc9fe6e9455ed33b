//! A start with other maps is killed at each of its steps: what answers goes on, and the next start makes up for it.

use std::{ffi::OsString, os::unix::process::ExitStatusExt as _, time::Instant};

use anyhow::{Result, anyhow, ensure};
use nix::sys::signal::Signal;
use tests::lab::{layout, program, wait};

use super::{AT_MOST, Running, has_taken_over, taken_over};
use crate::{
    host::{CLUSTER, Host, Setup},
    load,
};

/// Of a start that fills new maps: it makes `next`, moves ten pins, and removes `next`.
#[test]
fn a_kill_at_each_change_of_the_pins_is_made_up_for() -> Result<()> {
    for (call, least) in [("/^mkdir", 1), ("/^rename", 10), ("rmdir", 1)] {
        let killed = kill_and_recover(call, 1..)?;
        ensure!(killed >= least, "{call}: {killed}");
    }
    Ok(())
}

/// While it loads the program, makes and fills its maps, and attaches.
#[test]
fn a_kill_at_any_call_of_bpf_is_made_up_for() -> Result<()> {
    let killed = kill_and_recover("bpf", (0..u16::BITS).map(|power| 1 << power))?;
    ensure!(killed >= 10, "{killed}");
    Ok(())
}

/// So that there is a table of prefixes with its own pin.
const VIEW: &str = "[[view]]\nname = \"others\"\nclients = [\"198.51.100.0/24\", \"2001:db8::/32\"]\n";

/// Starts are killed at the system call of each of those numbers, from 1 on, until one lives that long; all the while a client
/// asks, and loses no query. Gives how many were killed.
fn kill_and_recover(call: &str, numbers: impl Iterator<Item = u32>) -> Result<usize> {
    let clusters = format!("{VIEW}{CLUSTER}");
    let mut host = Host::new(&Setup { clusters: &clusters, ..Setup::default() })?;
    host.start()?;
    let mut numbers = Some(numbers);
    let start = Instant::now();
    let (tally, killed) = load::meanwhile(&mut host, 1, 0, |host, _| {
        host.process()?.terminate()?;
        layout::change(&host.pins)?;
        let mut killed = 0;
        for number in numbers.take().into_iter().flatten() {
            if !is_killed(host, call, number)? {
                return Ok(killed);
            }
            killed += 1;
        }
        let before = Running::find(host)?;
        host.launch()?;
        taken_over(host, &before)?;
        Ok(killed)
    })?;
    let killed = killed.into_iter().sum();
    println!("{killed} starts killed at calls of {call} in {:?}: {tally}", start.elapsed());
    // Nothing is left of them.
    host.process()?.terminate()?;
    ensure!(host.tgdns(&["detach"])?.status.success() && !host.pins.exists());
    Ok(killed)
}

/// Whether a start is killed at that call; otherwise it has taken over.
fn is_killed(host: &mut Host, call: &str, number: u32) -> Result<bool> {
    let before = Running::find(host)?;
    // The controller's thread alone is traced, and the tracer is a process of its own.
    let mut arguments = ["--daemonize", "--quiet=all", "--output=/dev/null"].map(OsString::from).to_vec();
    let inject = format!("--inject={call}:signal=SIGKILL:when={number}");
    arguments.extend([format!("--trace={call}").into(), inject.into(), "--".into()]);
    arguments.push(host.program.clone().into());
    host.launch_by(&program::path("strace")?, arguments)?;
    let (is_killed, _) = wait::until("an end of the start", AT_MOST, || {
        if let Some(status) = host.process()?.child().try_wait()? {
            ensure!(status.signal() == Some(Signal::SIGKILL as i32), "{status}\n{}", host.log());
            return Ok(Ok(true));
        }
        Ok(if has_taken_over(host, &before)? { Ok(false) } else { Err(anyhow!("{}", host.log())) })
    })?;
    Ok(is_killed)
}
