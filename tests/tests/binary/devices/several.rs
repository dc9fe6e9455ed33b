//! Several NICs, of which one fails while the other one answers.

use super::*;

/// As VLAN devices are called; pins can't be.
const SECOND: &str = "tgdns.100";
const FAR_SECOND: &str = "client1";

fn second_client(host: &Host) -> Result<Client> {
    for (namespace, device, address) in
        [(&host.namespace, SECOND, "10.10.20.1/24"), (&host.far, FAR_SECOND, "10.10.20.10/24")]
    {
        namespace.run("ip", &["address", "add", address, "dev", device])?;
    }
    host.client("10.10.20.10", "10.10.20.1".parse()?)
}

fn connect_second(host: &Host) -> Result<()> {
    link::connect(&host.namespace, SECOND, &host.far, FAR_SECOND)?;
    VerdictProgram::load(&host.run, Verdict::Pass)?.attach(&host.far, FAR_SECOND)
}

/// A device whose driver refuses native mode: veth does with more queues at the far end than here.
fn connect_refusing(host: &Host) -> Result<()> {
    let near =
        ["link", "add", "tgdns-new", "netns", host.namespace.name(), "numrxqueues", "1", "type", "veth"];
    let far = ["peer", "name", FAR_SECOND, "netns", host.far.name(), "numtxqueues", "2", "numrxqueues", "2"];
    host.far.run("ip", &[&near[..], &far[..]].concat())?;
    host.far.run("ethtool", &["-L", FAR_SECOND, "tx", "2", "rx", "1"])?;
    host.namespace.run("ip", &["link", "set", "dev", "tgdns-new", "name", SECOND])?;
    for (namespace, device) in [(&host.namespace, SECOND), (&host.far, FAR_SECOND)] {
        namespace.run("ethtool", &["-K", device, "tx", "off"])?;
        namespace.run("ip", &["link", "set", "dev", device, "up"])?;
    }
    Ok(())
}

#[test]
fn each_interface_goes_and_comes_by_itself() -> Result<()> {
    let mut host = Host::new(&Setup { interfaces: &[INTERFACE, SECOND], ..Setup::default() })?;
    connect_second(&host)?;
    let second = second_client(&host)?;
    host.start()?;
    let first = host.client("10.10.10.10", IPV4)?;
    wait::until("an answer at the second NIC", AT_MOST, || answered(&host, &second))?;

    host.namespace.run("ip", &["link", "delete", "dev", SECOND])?;
    wait_for_status(&host, 1, "problem", "its device is gone")?;
    answered(&host, &first)??;
    // What is missing is no reason against another configuration.
    let output = host.tgdns(&["reload"])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    connect_second(&host)?;
    let second = second_client(&host)?;
    wait::until("an answer at the NIC that is back", AT_MOST, || answered(&host, &second))?;
    ensure!(status(&host, 0)?["attached"] == true && status(&host, 1)?["attached"] == true);
    Ok(())
}

/// A device comes back in another state than it had, and its driver refuses native mode.
#[test]
fn a_refusal_at_run_time_is_told_and_the_others_answer() -> Result<()> {
    let mut host = Host::new(&Setup { interfaces: &[INTERFACE, SECOND], ..Setup::default() })?;
    connect_second(&host)?;
    host.start()?;
    let first = host.client("10.10.10.10", IPV4)?;

    host.namespace.run("ip", &["link", "delete", "dev", SECOND])?;
    connect_refusing(&host)?;
    let refusal = format!("the driver veth of {SECOND} refuses native mode");
    let (problem, _) = wait::until("the refusal", AT_MOST, || {
        let problem = status(&host, 1)?["problem"].as_str().unwrap_or_default().to_owned();
        Ok(if problem.contains(&refusal) {
            Ok(problem)
        } else {
            Err(anyhow::anyhow!("{problem}\n{}", host.log()))
        })
    })?;
    ensure!(problem.contains(&format!("`ethtool -l {SECOND}`")), "{problem}");
    ensure!(host.log().matches(&refusal).count() == 1, "{}", host.log());
    ensure!(host.counter("interfaces", "refused")? > 0);
    answered(&host, &first)??;

    // Nobody has to tell when the cause is gone.
    host.far.run("ethtool", &["-L", FAR_SECOND, "tx", "1"])?;
    VerdictProgram::load(&host.run, Verdict::Pass)?.attach(&host.far, FAR_SECOND)?;
    let second = second_client(&host)?;
    wait::until("an answer at the second NIC", AT_MOST, || answered(&host, &second))?;
    wait_for_status(&host, 1, "problem", Value::Null)
}

#[test]
fn a_refusal_at_a_reload_changes_nothing() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let client = host.client("10.10.10.10", IPV4)?;
    connect_refusing(&host)?;
    host.configure(&Setup { interfaces: &[INTERFACE, SECOND], ..Setup::default() })?;
    let output = host.tgdns(&["reload"])?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(
        !output.status.success() && told.contains(&format!("the driver veth of {SECOND} refuses")),
        "{told}"
    );
    ensure!(status(&host, 1)?.is_null() && is_attached(&host)?, "{}", host.log());
    ensure!(!has_program(&host, SECOND)? && has_program(&host, INTERFACE)?);
    answered(&host, &client)?
}
