//! The bounded run of what `cargo xtask whole` does at length.

use std::time::Duration;

use anyhow::Result;
use tests::whole_answers;

#[test]
fn every_answer_is_one_publication_s() -> Result<()> {
    let figures = whole_answers::run(2000, Duration::from_secs(8), &|told| println!("{told}"))?;
    println!("{figures}");
    Ok(())
}
