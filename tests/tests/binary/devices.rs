//! The program is on the interfaces that the configuration names, as it names them, and on no others.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hickory_proto::rr::RecordType;
use serde_json::Value;
use tests::lab::{
    link,
    verdict::{Verdict, VerdictProgram},
    wait,
};

use crate::{
    host::{CABLE, Host, INTERFACE, IPV4, LIVE, NAME, Setup},
    question::{Client, PATIENCE, ips},
};

const SECOND: &str = "tgdns-nic2";
const AT_MOST: Duration = Duration::from_secs(2);

mod foreign;
mod links;
mod several;
mod storm;
mod vip;

/// The old program would answer in front of the sockets, with what was published last.
#[test]
fn off_is_off() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    host.process()?.terminate()?;
    assert!(has_program(&host, INTERFACE)?, "the fast path stays");

    host.configure(&Setup { xdp_mode: "off", listen: r#"["10.10.10.1:53"]"#, ..Setup::default() })?;
    succeed(&mut host)?;
    assert!(!has_program(&host, INTERFACE)?);
    assert!(!host.pins.exists());
    let told = "xdp_mode is \"off\": removed what an earlier run had pinned";
    let link = format!("/link-{INTERFACE}");
    let log = host.log();
    assert!(log.lines().any(|line| line.contains(told) && line.contains(&link)), "{log}");
    let client = host.client("10.10.10.10", IPV4)?;
    wait::until("an answer", AT_MOST, || answered(&host, &client))?;
    assert!(host.counter("slow_path", "answered")? > 0, "the socket answers");
    Ok(())
}

#[test]
fn an_interface_that_is_no_longer_configured_is_left() -> Result<()> {
    let mut host = Host::new(&Setup { interfaces: &[INTERFACE, SECOND], ..Setup::default() })?;
    link::connect(&host.namespace, SECOND, &host.far, "client1")?;
    host.start()?;
    assert!(has_program(&host, SECOND)?);
    host.process()?.terminate()?;

    host.configure(&Setup::default())?;
    succeed(&mut host)?;
    assert!(!has_program(&host, SECOND)? && has_program(&host, INTERFACE)?);
    assert!(!host.pins.join(format!("link-{SECOND}")).exists());
    let log = host.log();
    assert!(log.contains(&format!("no longer configured interface=\"{SECOND}\"")), "{log}");
    Ok(())
}

/// As a NIC does whose driver is loaded again.
#[test]
fn an_interface_that_returns_is_answered_on_again() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    assert!(is_attached(&host)?);
    host.namespace.run("ip", &["link", "delete", "dev", INTERFACE])?;
    wait::until("the status tells that it is gone", AT_MOST, || {
        Ok(if is_attached(&host)? { Err(anyhow::anyhow!("attached")) } else { Ok(()) })
    })?;

    for round in ["after a while", "at once"] {
        if round == "at once" {
            host.namespace.run("ip", &["link", "delete", "dev", INTERFACE])?;
        }
        link::connect(&host.namespace, INTERFACE, &host.far, CABLE)?;
        let returned = Instant::now();
        VerdictProgram::load(&host.run, Verdict::Pass)?.attach(&host.far, CABLE)?;
        host.namespace.run("ip", &["address", "add", "10.10.10.1/24", "dev", INTERFACE])?;
        for address in ["10.10.10.10/24", "10.10.10.20/24", "10.10.10.21/24"] {
            host.far.run("ip", &["address", "add", address, "dev", CABLE])?;
        }
        let client = host.client("10.10.10.10", IPV4)?;
        // No socket listens: whoever answers is the fast path.
        wait::until("an answer", AT_MOST, || answered(&host, &client))?;
        println!("{round}: answered {:?} after it returned", returned.elapsed());
        ensure!(is_attached(&host)?, "{round}\n{}", host.log());
        host.check()?;
    }
    Ok(())
}

/// Starts `tgdns run` after another one, and waits until it has taken over.
fn succeed(host: &mut Host) -> Result<()> {
    host.launch()?;
    wait::until("a status", Duration::from_secs(10), || {
        host.check()?;
        Ok(is_attached(host))
    })
    .map(drop)
}

/// Whether the live servers are handed out.
fn answered(host: &Host, client: &Client) -> Result<Result<()>> {
    let found = client.ask(NAME, RecordType::A, PATIENCE / 10)?;
    let right = found.as_ref() == Some(&ips(&LIVE)?);
    Ok(if right { Ok(()) } else { Err(anyhow::anyhow!("{found:?}\n{}", host.log())) })
}

fn has_program(host: &Host, interface: &str) -> Result<bool> {
    Ok(!host.interface(interface)?["xdp"].is_null())
}

/// By its status.
fn is_attached(host: &Host) -> Result<bool> {
    status(host, 0)?["attached"].as_bool().context("the status tells nothing")
}

/// Of an interface, by its place in the configuration.
fn status(host: &Host, place: usize) -> Result<Value> {
    let output = host.tgdns(&["status", "--json"])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let status: Value = serde_json::from_slice(&output.stdout)?;
    Ok(status["interfaces"][place].clone())
}

/// Waits until an interface's status says so.
fn wait_for_status(host: &Host, place: usize, key: &str, expected: impl Into<Value>) -> Result<()> {
    let expected = expected.into();
    wait::until(&format!("the status has {key} {expected}"), AT_MOST, || {
        let status = status(host, place)?;
        Ok(if status[key] == expected { Ok(()) } else { Err(anyhow::anyhow!("{status}\n{}", host.log())) })
    })
    .map(drop)
}

/// Whether nobody answers.
fn silent(host: &Host, client: &Client) -> Result<Result<()>> {
    let found = client.ask(NAME, RecordType::A, PATIENCE / 10)?;
    Ok(if found.is_none() { Ok(()) } else { Err(anyhow::anyhow!("{found:?}\n{}", host.log())) })
}
