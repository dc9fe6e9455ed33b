//! What people say of servers, and that it is not forgotten.

use anyhow::{Context as _, Result, bail, ensure};

use super::faults::Chaos;

impl Chaos<'_> {
    /// Drains a server on one load balancer, or takes that back; it holds from the acknowledgement on.
    pub(super) fn say(&self, balancer: usize, server: usize, drain: bool) -> Result<()> {
        let name = &self.scene.servers[server].name;
        let said = if drain { "drain" } else { "ready" };
        if !drain {
            self.truth.set_drained(balancer, server, false);
        }
        self.scene.load_balancers[balancer]
            .json_of(&[said, name])
            .with_context(|| format!("{said} {name}"))?;
        if drain {
            self.truth.set_drained(balancer, server, true);
        }
        Ok(())
    }

    /// What cannot be saved is not said: on a full disk a drain is refused, and changes nothing.
    pub(super) fn check_refusal(&self, balancer: usize) -> Result<()> {
        let ready = (0..self.scene.servers.len()).find(|server| !self.truth.is_drained(balancer, *server));
        let name = &self.scene.servers[ready.context("all servers are drained")?].name;
        match self.scene.load_balancers[balancer].json_of(&["drain", name]) {
            Ok(told) => bail!("lb{} has acknowledged what it could not save: {told}", balancer + 1),
            Err(error) => {
                let told = format!("{error:#}");
                ensure!(told.contains("nothing was changed"), "{told}");
                Ok(())
            }
        }
    }

    /// Each server's admin state is the one that was acknowledged last.
    pub(super) fn check_admin(&self, balancer: usize) -> Result<()> {
        let status = self.scene.load_balancers[balancer].json("status")?;
        let servers = status["clusters"][0]["servers"].as_array().context("no servers")?;
        ensure!(servers.len() == self.scene.servers.len(), "{status}");
        for (number, server) in servers.iter().enumerate() {
            let expected = if self.truth.is_drained(balancer, number) { "drain" } else { "ready" };
            if server["admin"] != expected {
                bail!("lb{} has lost that {} is {expected}: {server}", balancer + 1, server["name"]);
            }
        }
        Ok(())
    }
}
