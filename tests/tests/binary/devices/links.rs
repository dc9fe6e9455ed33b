//! A link goes down and up, its MTU and its name change; what has the program is always the interface of the configured name.

use super::*;

const OTHER: &str = "tgdns-other";

#[test]
fn flaps_and_mtus_are_followed() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let client = host.client("10.10.10.10", IPV4)?;
    let set = |arguments: &[&str]| host.namespace.run("ip", &[&["link", "set", "dev"], arguments].concat());
    for _ in 0..3 {
        set(&[INTERFACE, "down"])?;
        wait_for_status(&host, 0, "carrier", "down")?;
        set(&[INTERFACE, "up"])?;
        let (_, took) = wait::until("an answer after a flap", AT_MOST, || answered(&host, &client))?;
        println!("answered {took:?} after the link was up again");
    }
    host.far.run("ip", &["link", "set", "dev", CABLE, "down"])?;
    wait_for_status(&host, 0, "carrier", "no carrier")?;
    host.far.run("ip", &["link", "set", "dev", CABLE, "up"])?;
    wait_for_status(&host, 0, "carrier", "up")?;
    ensure!(host.counter("interfaces", "link_down")? == 4, "{}", host.log());

    // The program at the far end takes no frame of more than one page, which the driver tells of.
    let refusal =
        set(&[INTERFACE, "mtu", "9000"]).map_or_else(|error| format!("{error:#}"), |_| String::new());
    ensure!(refusal.contains("mtu greater than device maximum"), "{refusal}");
    for mtu in ["3000", "1280", "1500"] {
        set(&[INTERFACE, "mtu", mtu])?;
        host.far.run("ip", &["link", "set", "dev", CABLE, "mtu", mtu])?;
        wait::until("an answer after another MTU", AT_MOST, || answered(&host, &client))?;
        ensure!(is_attached(&host)? && has_program(&host, INTERFACE)?, "{}", host.log());
    }
    ensure!(host.counter("interfaces", "taken_off")? == 0, "the program was on it all the time");
    Ok(())
}

/// The configuration has names, so a device is an interface as long as it has the name.
#[test]
fn a_name_that_moves_takes_the_program_along() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    link::connect(&host.namespace, SECOND, &host.far, "client1")?;
    VerdictProgram::load(&host.run, Verdict::Pass)?.attach(&host.far, "client1")?;
    host.start()?;
    let client = host.client("10.10.10.10", IPV4)?;
    let rename = |from: &str, to: &str| host.namespace.run("ip", &["link", "set", "dev", from, "name", to]);

    rename(INTERFACE, OTHER)?;
    wait_for_status(&host, 0, "problem", format!("its device is called {OTHER} now"))?;
    ensure!(!is_attached(&host)?);
    wait::until("silence, as the name is not configured", AT_MOST, || silent(&host, &client))?;
    ensure!(!has_program(&host, OTHER)?, "the program is on a device that is not configured");
    ensure!(!host.pins.join(format!("link-{INTERFACE}")).exists());
    let told = format!("interface {INTERFACE} is gone, its device is called {OTHER} now");
    ensure!(host.log().contains(&told), "{}", host.log());

    // Another device gets the name.
    rename(SECOND, INTERFACE)?;
    wait_for_status(&host, 0, "attached", true)?;
    ensure!(has_program(&host, INTERFACE)? && !has_program(&host, OTHER)?, "{}", host.log());
    rename(INTERFACE, SECOND)?;
    wait_for_status(&host, 0, "attached", false)?;

    rename(OTHER, INTERFACE)?;
    let (_, took) = wait::until("an answer under the old name", AT_MOST, || answered(&host, &client))?;
    println!("answered {took:?} after the name was back");
    ensure!(is_attached(&host)? && !has_program(&host, SECOND)?, "{}", host.log());
    ensure!(host.log().contains(&format!("interface {INTERFACE} is back")), "{}", host.log());
    ensure!(host.counter("interfaces", "gone")? == 2 && host.counter("interfaces", "attached_again")? == 2);
    Ok(())
}
