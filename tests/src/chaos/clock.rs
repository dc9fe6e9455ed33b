//! A controller's wall clock jumps.

use std::{
    ops::Range,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, ensure};

use super::faults::Chaos;

const DAY: u64 = 24 * 60 * 60;
/// How far off the clock may be, in seconds: a month in either direction.
const OFF: Range<u64> = 0..60 * DAY;
/// From what a controller says to when it is compared.
const SAID: Duration = Duration::from_secs(5);

impl Chaos<'_> {
    pub(super) fn jump_clock(&mut self, balancer: usize) -> Result<String> {
        let (forwards, backwards) = (self.random(OFF), OFF.end / 2);
        let seconds = forwards.cast_signed() - backwards.cast_signed();
        let load_balancer = &self.scene.load_balancers[balancer];
        load_balancer.clock()?.set(seconds)?;

        // It is the controller's, which tells it by what it knows of a server.
        let status = load_balancer.json("status")?;
        let server = &status["clusters"][0]["servers"][0];
        let since = server["since"].as_str().context("no time")?;
        let age = server["since_seconds"].as_u64().context("no age")?;
        let told = humantime::parse_rfc3339(since).context(since.to_owned())? + Duration::from_secs(age);
        let forwards = SystemTime::now() + Duration::from_secs(forwards);
        let expected = forwards - Duration::from_secs(backwards);
        let difference = told.duration_since(expected).unwrap_or_else(|error| error.duration());
        ensure!(difference < SAID, "the clock is off by {seconds} s, but the status says {since}: {server}");
        self.check_admin(balancer)?;
        Ok(format!("lb{}, now {seconds:+} s off", balancer + 1))
    }
}
