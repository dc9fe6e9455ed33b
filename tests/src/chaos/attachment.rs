//! The XDP program is taken off, and comes back.

use anyhow::{Result, anyhow};

use super::faults::{Chaos, STARTING};
use crate::lab::{loadbalancer::INTERFACE, program, wait};

impl Chaos<'_> {
    /// Somebody detaches it by hand. The controller sees to it within about a second.
    pub(super) fn detach(&self, balancer: usize) -> Result<String> {
        let pin = self.scene.load_balancers[balancer].pins.join(format!("link-{INTERFACE}"));
        let before = self.taken_off(balancer)?;
        program::run_command(program::command("bpftool")?.args(["link", "detach", "pinned"]).arg(pin))?;
        let (_, took) = wait::until("the program's return", STARTING, || {
            let seen = self.taken_off(balancer)? > before;
            Ok(if seen { Ok(()) } else { Err(anyhow!("nobody saw that it is off")) })
        })?;
        self.wait_until_attached(balancer)?;
        Ok(format!("lb{} for {took:?}", balancer + 1))
    }

    /// By the controller's word, which has to run.
    pub(super) fn wait_until_attached(&self, balancer: usize) -> Result<()> {
        wait::until("the program on its interface", STARTING, || {
            let status = self.scene.load_balancers[balancer].json("status")?;
            let interface = &status["interfaces"][0];
            Ok(if interface["attached"] == true { Ok(()) } else { Err(anyhow!("{interface}")) })
        })
        .map(drop)
    }

    fn taken_off(&self, balancer: usize) -> Result<Option<u64>> {
        let stats = self.scene.load_balancers[balancer].json("stats")?;
        Ok(stats["interfaces"]["taken_off"].as_u64())
    }
}
