//! One server of very many is drained: how soon that is on the wire, and what it costs.

use anyhow::{Result, ensure};
use tests::bench::update::{self, Shape};
use tgdns_common::tables::capacity;

const DRAINS: usize = 20;

/// All else of 200 clusters, or of 100 views of others, stays as it is published. The times are told, and do not fail on a machine
/// that is busy.
#[test]
fn a_drain_changes_its_own_cluster_alone() -> Result<()> {
    for shape in [Shape::STICKY, Shape::VIEWS] {
        let updates = update::measure(shape, DRAINS)?;
        println!("{}", updates.table());
        // A probe may fail meanwhile, and what is drained and made ready at once is published once.
        ensure!(updates.rendered < 2.0, "a publication renders {} clusters", updates.rendered);
        // The sets of its views, and an index of which each copy lags behind by as many publications as there are copies, or is
        // used for the first time.
        let sets = shape.views + 1;
        let all = shape.clusters * sets;
        let first_uses = capacity::INDEX_COPIES * all / (2 * DRAINS);
        let most = (sets + all.min(sets * capacity::INDEX_COPIES) + first_uses) as f64;
        ensure!(
            updates.written <= most,
            "a publication writes {} entries, not {most} at most",
            updates.written
        );
    }
    Ok(())
}
