//! Somebody takes the program off, or puts another one in its place.

use std::fs;

use tests::lab::program;
use tgdns::{
    cluster::XdpMode,
    xdp::{Program, link::Attached},
};

use super::*;

/// The kernel says nothing of it; the devices are looked at each second.
#[test]
fn what_somebody_detaches_is_attached_again() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let client = host.client("10.10.10.10", IPV4)?;
    for by in ["bpftool", "rm"] {
        take_off(&host, by)?;
        let start = Instant::now();
        wait::until("an answer", AT_MOST, || answered(&host, &client))?;
        println!("by {by}: answered again {:?} later", start.elapsed());
        // It answers before its link is pinned.
        wait::until("the pin, and the status", AT_MOST, || {
            let is_there = pin(&host).exists() && is_attached(&host)?;
            Ok(if is_there { Ok(()) } else { Err(anyhow::anyhow!("{}", host.log())) })
        })?;
    }
    ensure!(host.log().contains("somebody has taken the fast path off"), "{}", host.log());
    ensure!(
        host.counter("interfaces", "taken_off")? == 2 && host.counter("interfaces", "attached_again")? == 2
    );
    Ok(())
}

/// What is pinned in `pin_dir` is tgdns's own, whatever program is in it.
#[test]
fn a_program_that_somebody_puts_into_the_pinned_link_is_replaced() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let client = host.client("10.10.10.10", IPV4)?;
    // The same program, whose maps are empty.
    let attach = || Program::load(None)?.attach(INTERFACE, XdpMode::Native, &host.pins);
    ensure!(host.namespace.enter(attach)?? == Attached::Replaced);
    let (_, took) = wait::until("an answer", AT_MOST, || answered(&host, &client))?;
    println!("answered again {took:?} later");
    ensure!(host.counter("interfaces", "taken_off")? == 1, "{}", host.log());
    Ok(())
}

/// Whoever attached another one has a reason; nobody is told by being thrown out.
#[test]
fn a_program_of_somebody_else_is_left_and_told() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let client = host.client("10.10.10.10", IPV4)?;
    let other = VerdictProgram::load(&host.run, Verdict::Pass)?;
    wait::until("a moment between two looks", AT_MOST, || {
        take_off(&host, "rm")?;
        Ok(other.attach(&host.namespace, INTERFACE))
    })?;
    let expected = format!("another XDP program is attached to {INTERFACE}");
    wait::until("the status tells", AT_MOST, || {
        let status = status(&host, 0)?;
        let told = status["problem"].as_str().is_some_and(|problem| problem.contains(&expected));
        Ok(if told { Ok(()) } else { Err(anyhow::anyhow!("{status}\n{}", host.log())) })
    })?;
    let refused = host.counter("interfaces", "refused")?;
    wait::until("two more attempts", AT_MOST * 2, || {
        let now = host.counter("interfaces", "refused")?;
        Ok(if now >= refused + 2 { Ok(()) } else { Err(anyhow::anyhow!("{now} after {refused}")) })
    })?;
    ensure!(has_program(&host, INTERFACE)? && !pin(&host).exists(), "{}", host.log());
    silent(&host, &client)??;
    let told = format!("`ip link set dev {INTERFACE} xdp off`");
    ensure!(host.log().matches(&told).count() == 1, "{}", host.log());

    host.namespace.run("ip", &["link", "set", "dev", INTERFACE, "xdp", "off"])?;
    wait::until("an answer", AT_MOST, || answered(&host, &client))?;
    wait_for_status(&host, 0, "problem", Value::Null)
}

/// Gone for sure when this returns, unless it is attached again.
fn take_off(host: &Host, by: &str) -> Result<()> {
    let pin = pin(host);
    let before = host.interface(INTERFACE)?["xdp"]["prog"]["id"].clone();
    if by == "rm" {
        // Where the last round was too slow it is back.
        wait::until("the pin", AT_MOST, || Ok(fs::remove_file(&pin).map_err(Into::into)))?;
        wait::until("the program's absence", AT_MOST, || {
            Ok(if has_program(host, INTERFACE)? { Err(anyhow::anyhow!("{before} is there")) } else { Ok(()) })
        })?;
    } else {
        program::run_command(program::command("bpftool")?.args(["link", "detach", "pinned"]).arg(&pin))?;
    }
    Ok(())
}

fn pin(host: &Host) -> std::path::PathBuf {
    host.pins.join(format!("link-{INTERFACE}"))
}
