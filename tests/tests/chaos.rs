//! The bounded run of what `cargo xtask chaos` does at length.

use std::time::Duration;

use anyhow::Result;
use tests::chaos;

#[test]
fn a_minute_of_faults_breaks_no_promise() -> Result<()> {
    let figures = chaos::run(7, Duration::from_secs(60), &|told| println!("{told}"))?;
    println!("{figures}");
    assert!(figures.answered > 1000 && figures.faults > 10, "{figures}");
    Ok(())
}
