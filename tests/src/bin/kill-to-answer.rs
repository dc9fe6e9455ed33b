//! How long killed servers are handed out with default settings: 100 with a refused port, 100 in silence.
//!
//! `kill-to-answer [CLUSTERS [KILLS]]` kills so many servers in each of so many clusters at once, 10 in 10 unless told.
//! It fails where one is handed out for longer than tgdns promises, or than the settings explain. Needs root.

use std::{env, time::Instant};

use anyhow::{Result, ensure};
use tests::lab::kills::{Death, Kill, PUBLISHED_WITHIN, Spread, measure};

fn main() -> Result<()> {
    let number = |place| env::args().nth(place).map_or(Ok(10), |number| number.parse());
    let (clusters, kills) = (number(1)?, number(2)?);
    println!("ms, in the middle and at worst      death to verdict   verdict to wire    death to wire");
    for death in [Death::Refused, Death::Silent] {
        let start = Instant::now();
        let killed = measure(death, clusters, kills)?;
        let spread = |of: fn(&Kill) -> _| Spread::of(killed.iter().map(of));
        let [detected, published, gone] =
            [spread(|kill| kill.detected)?, spread(|kill| kill.published)?, spread(Kill::gone)?];
        println!(
            "{:24} {detected:>27} {published:>17} {gone:>16}",
            format!("{death:?}, {} kills, {:.0?}", killed.len(), start.elapsed())
        );
        ensure!(gone.worst < death.gone_within(), "promised are {:?} at worst", death.gone_within());
        ensure!(gone.median <= death.median_within(), "promised are {:?}", death.median_within());
        ensure!(published.median < PUBLISHED_WITHIN, "promised are {PUBLISHED_WITHIN:?}");
        let explained = death.detected_within() + PUBLISHED_WITHIN;
        ensure!(gone.worst <= explained, "the settings explain {explained:?} at worst");
    }
    Ok(())
}
