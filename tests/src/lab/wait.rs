//! Waiting for what takes a moment.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

const PAUSE: Duration = Duration::from_millis(10);

/// Tries again and again until there is a value; returns it and how long it took. The error tells what was
/// waited for and what was last seen; the outer one of an attempt is final.
pub fn until<T>(
    what: &str,
    at_most: Duration,
    mut attempt: impl FnMut() -> Result<Result<T>>,
) -> Result<(T, Duration)> {
    let start = Instant::now();
    loop {
        match attempt()? {
            Ok(value) => return Ok((value, start.elapsed())),
            Err(error) if start.elapsed() > at_most => {
                bail!("{what}: not within {at_most:?}; last: {error:#}")
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}
