//! A controller that no fault ends for a while, so that what it takes can be compared.

use anyhow::{Result, ensure};

use super::{
    faults::Chaos,
    footprint::{Footprint, Growth},
};

/// One that lives on.
pub(super) struct Survivor {
    pub(super) balancer: usize,
    before: Footprint,
}

/// What one has come to take.
pub(super) struct Survived {
    pub(super) balancer: usize,
    pub(super) growth: Growth,
}

impl Chaos<'_> {
    /// From now on this load balancer's controller lives on; the one that did so far must not have grown.
    pub(super) fn let_live(&mut self, balancer: Option<usize>) -> Result<()> {
        if self.survivor.as_ref().map(|survivor| survivor.balancer) == balancer {
            return Ok(());
        }
        let footprint = |balancer: usize| Footprint::of(&self.scene.load_balancers[balancer]);
        let next = balancer.map(|balancer| footprint(balancer).map(|before| Survivor { balancer, before }));
        let next = next.transpose()?;
        if let Some(Survivor { balancer, before }) = self.survivor.take() {
            let growth = before.until(footprint(balancer)?);
            ensure!(growth.is_flat(), "the controller of lb{} grows: {growth}", balancer + 1);
            self.survived.push(Survived { balancer, growth });
        }
        self.survivor = next;
        Ok(())
    }
}
