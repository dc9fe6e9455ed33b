//! A controller hangs, or its successor finds maps of another layout.

use std::{thread, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::faults::{Chaos, STARTING};
use crate::lab::{layout, wait};

impl Chaos<'_> {
    /// It fills maps of its own while the old program answers, and takes over then.
    pub(super) fn change_layout(&mut self, balancer: usize) -> Result<String> {
        self.stop(balancer, true)?;
        layout::change(&self.scene.load_balancers[balancer].pins)?;
        self.start(balancer)?;
        let staging = self.scene.load_balancers[balancer].pins.join("next");
        let (_, took) = wait::until("the program with maps of its own", STARTING, || {
            let load_balancer = &mut self.scene.load_balancers[balancer];
            load_balancer.check()?;
            let log = || anyhow!("{} is still there\n{}", staging.display(), load_balancer.log_tail());
            Ok(if staging.exists() { Err(log()) } else { Ok(()) })
        })?;
        self.check_admin(balancer)?;
        Ok(format!("lb{}, which takes over after {took:?}", balancer + 1))
    }

    /// Its program goes on, with what it said last.
    pub(super) fn hang(&mut self, balancer: usize, time: Duration) -> Result<String> {
        let process = self.scene.load_balancers[balancer].identifier().context("tgdns does not run")?;
        let process = Pid::from_raw(process.cast_signed());
        self.truth.set_watching(balancer, false);
        kill(process, Signal::SIGSTOP).context("stopping tgdns")?;
        thread::sleep(time);
        kill(process, Signal::SIGCONT).context("continuing tgdns")?;
        self.truth.set_watching(balancer, true);
        self.check_admin(balancer)?;
        Ok(format!("lb{} for {time:?}", balancer + 1))
    }
}
