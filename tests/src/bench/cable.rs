//! A machine that answers, one that asks, and the cable between them.

use std::{
    net::{Ipv4Addr, TcpListener},
    thread,
};

use anyhow::{Context as _, Result};

use crate::lab::{
    link,
    loadbalancer::INTERFACE,
    namespace::Namespace,
    program,
    run::Run,
    verdict::{Verdict, VerdictProgram},
};

/// Of the machine that answers, and of the one that asks.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 2);
/// The servers' addresses, all at the client's machine, and their port.
const SERVERS: &str = "10.128.0.0/9";
pub const FIRST_SERVER: Ipv4Addr = Ipv4Addr::new(10, 128, 0, 1);
pub const PORT: u16 = 443;
/// The end of the cable that asks.
pub const CABLE: &str = "client0";

/// The machine that answers and the one that asks; what the first sends back in native mode arrives.
pub fn lay(run: &Run, machine: &str) -> Result<(Namespace, Namespace)> {
    program::of_workspace("tgdns")?;
    let host = Namespace::new(run, machine)?;
    let client = Namespace::new(run, &format!("{machine}-client"))?;
    link::connect(&host, INTERFACE, &client, CABLE)?;
    VerdictProgram::load(run, Verdict::Pass)?.attach(&client, CABLE)?;
    host.run("ip", &["address", "add", &format!("{SERVER}/16"), "dev", INTERFACE])?;
    client.run("ip", &["address", "add", &format!("{CLIENT}/16"), "dev", CABLE])?;
    // By way of one machine: a kernel knows no more than 1,024 neighbours unless told.
    host.run("ip", &["route", "add", SERVERS, "via", &CLIENT.to_string()])?;
    Ok((host, client))
}

/// All servers take connections from now on.
pub fn serve(client: &Namespace) -> Result<()> {
    client.run("ip", &["route", "add", "local", SERVERS, "dev", "lo"])?;
    let listener = client.enter(|| TcpListener::bind(("0.0.0.0", PORT)))?.context("listening")?;
    thread::spawn(move || listener.incoming().for_each(drop));
    Ok(())
}
