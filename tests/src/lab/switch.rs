//! The switch: one namespace with a bridge for each network.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{
    link::connect,
    namespace::Namespace,
    run::Run,
    verdict::{Verdict, VerdictProgram},
};

pub struct Switch {
    namespace: Namespace,
    pass: VerdictProgram,
}

impl Switch {
    pub fn new(run: &Run, networks: &[&str]) -> Result<Self> {
        let namespace = Namespace::new(run, "switch")?;
        for network in networks {
            namespace.run("ip", &["link", "add", network, "type", "bridge"])?;
            namespace.run("ip", &["link", "set", "dev", network, "up"])?;
        }
        Ok(Self { namespace, pass: VerdictProgram::load(run, Verdict::Pass)? })
    }

    /// Gives a machine an interface called `interface` in a network, with an address (`10.10.10.1/24`).
    pub fn plug(&self, network: &str, machine: &Namespace, interface: &str, address: &str) -> Result<()> {
        self.plug_device(network, machine, interface)?;
        machine.run("ip", &["address", "add", address, "dev", interface]).map(drop)
    }

    fn plug_device(&self, network: &str, machine: &Namespace, interface: &str) -> Result<()> {
        let port = format!("{network}-{}", machine.machine());
        connect(machine, interface, &self.namespace, &port)?;
        self.namespace.run("ip", &["link", "set", "dev", &port, "master", network])?;
        // The frames that an XDP program sends back arrive only at a peer that runs one, too.
        self.pass.attach(&self.namespace, &port)
    }

    /// Removes a machine's interface and gives it one like it: another device with the same hardware address, as when a driver is
    /// loaded again. Without it for as long as `meanwhile` takes.
    pub fn replace(
        &self,
        network: &str,
        machine: &Namespace,
        interface: &str,
        address: &str,
        meanwhile: impl FnOnce(),
    ) -> Result<()> {
        let shown: Value =
            serde_json::from_str(&machine.run("ip", &["-json", "link", "show", "dev", interface])?)?;
        let hardware = shown[0]["address"].as_str().context("an interface without an address")?;
        machine.run("ip", &["link", "delete", "dev", interface])?;
        meanwhile();
        self.plug_device(network, machine, interface)?;
        // Before anybody learns another one by the IP address.
        machine.run("ip", &["link", "set", "dev", interface, "address", hardware])?;
        machine.run("ip", &["address", "add", address, "dev", interface]).map(drop)
    }

    /// Pulls a machine's cable, or plugs it in again.
    pub fn set_cable(&self, network: &str, machine: &Namespace, plugged: bool) -> Result<()> {
        let port = format!("{network}-{}", machine.machine());
        let state = if plugged { "up" } else { "down" };
        self.namespace.run("ip", &["link", "set", "dev", &port, state]).map(drop)
    }
}
