//! What an executor saw, judged by what its vector expects.

use anyhow::{Result, bail, ensure};

use super::{Expected, Vector};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With the frame as it is then.
    Passed(Vec<u8>),
    Dropped,
    Sent(Vec<u8>),
}

impl Vector {
    /// Compares verdict and bytes, and the counters that went up.
    pub fn check(&self, outcome: &Outcome, counters: &[(&str, u64)]) -> Result<()> {
        match (&self.expected, outcome) {
            (Expected::Drop(_), Outcome::Dropped) => {}
            (Expected::Pass(_), Outcome::Passed(frame)) => {
                ensure!(
                    *frame == self.frame,
                    "a passed frame was changed: {}",
                    difference(&self.frame, frame)
                );
            }
            (Expected::Reply { frames, .. }, Outcome::Sent(frame)) => {
                if !frames.contains(frame) {
                    bail!("another reply: {}", difference(&closest(frames, frame), frame));
                }
            }
            (expected, outcome) => {
                let counted = counters.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                let expected = match expected {
                    Expected::Pass(reason) => format!("passed ({reason})"),
                    Expected::Drop(reason) => format!("dropped ({reason})"),
                    Expected::Reply { counter, .. } => counter.clone(),
                };
                bail!("expected {expected}, saw {outcome:02x?}, counted {counted}")
            }
        }
        let counter = self.expected.counter();
        ensure!(counters == [(counter, 1)], "expected {counter} to be counted once, saw {counters:?}");
        Ok(())
    }
}

/// Runs all and fails with every failure by its name.
pub fn report(vectors: usize, failures: &[(String, anyhow::Error)]) {
    let lines: Vec<String> = failures.iter().map(|(name, error)| format!("* {name}: {error:#}")).collect();
    assert!(vectors > 0, "there are no vectors");
    assert!(failures.is_empty(), "{} of {vectors} vectors failed:\n{}", failures.len(), lines.join("\n"));
}

/// The expected frame that has most bytes in common.
fn closest(frames: &[Vec<u8>], actual: &[u8]) -> Vec<u8> {
    let same = |frame: &&Vec<u8>| frame.iter().zip(actual).filter(|(a, b)| a == b).count();
    frames.iter().max_by_key(same).cloned().unwrap_or_default()
}

fn difference(expected: &[u8], actual: &[u8]) -> String {
    let first = expected.iter().zip(actual).position(|(a, b)| a != b);
    let place = first.unwrap_or(expected.len().min(actual.len()));
    format!(
        "{} bytes, not {}; from byte {place} on\n    expected {:02x?}\n    saw      {:02x?}",
        actual.len(),
        expected.len(),
        expected.get(place..).unwrap_or_default(),
        actual.get(place..).unwrap_or_default(),
    )
}
