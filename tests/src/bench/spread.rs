//! Repeated measurements of one thing.

use std::fmt;

use anyhow::{Result, ensure};

/// Nanoseconds of one run: the least, the middle and the most of some measurements.
///
/// What others do on the machine makes runs longer, never shorter, so the least is the best guess of what the work itself
/// takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub min: f64,
    pub median: f64,
    pub max: f64,
}

impl Spread {
    /// Of at least one measurement.
    pub fn of(mut measured: Vec<f64>) -> Result<Self> {
        ensure!(!measured.is_empty(), "nothing was measured");
        measured.sort_by(f64::total_cmp);
        Ok(Self { min: measured[0], median: measured[measured.len() / 2], max: measured[measured.len() - 1] })
    }

    /// Without what is in all of them, such as the harness.
    pub fn net_of(self, base: Self) -> Self {
        Self { min: self.min - base.min, median: self.median - base.median, max: self.max - base.median }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{:.1} / {:.1} / {:.1}", self.min, self.median, self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_subtracted_from_its_like() -> Result<()> {
        let (all, base) = (Spread::of(vec![30.0, 21.0, 50.0])?, Spread::of(vec![10.0, 12.0, 11.0])?);
        assert_eq!(all.net_of(base), Spread { min: 11.0, median: 19.0, max: 39.0 });
        assert!(Spread::of(vec![]).is_err());
        Ok(())
    }
}
