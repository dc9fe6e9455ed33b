//! The ratios that are committed, so that a change for the worse is seen.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::kinds::Row;

/// So many times the committed ratio is told: less is the machine's noise.
const TOLD_ABOVE: f64 = 1.25;

/// `docs/benchmarks/ratios.toml`: net nanoseconds of tgdns by those of the floor, for each kind of frame.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ratios {
    ratio: BTreeMap<String, f64>,
}

impl Ratios {
    pub fn of(rows: &[Row]) -> Self {
        let ratio = rows.iter().map(|row| (row.name.to_owned(), (row.ratio() * 100.0).round() / 100.0));
        Self { ratio: ratio.collect() }
    }

    pub fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("reading {}", file.display()))
    }

    pub fn write(&self, file: &Path) -> Result<()> {
        let head = "# Net cost of tgdns in net costs of the floor, by kind of frame. Written by `cargo xtask bench`.\n\n";
        fs::write(file, format!("{head}{}", toml::to_string(self)?))
            .with_context(|| format!("writing {}", file.display()))
    }

    /// A sentence for each ratio that is worse than the committed one by a quarter or more.
    pub fn worse_than(&self, committed: &Self) -> Vec<String> {
        let pairs =
            self.ratio.iter().filter_map(|(name, now)| Some((name, *now, *committed.ratio.get(name)?)));
        let worse = pairs.filter(|(_, now, before)| *now > TOLD_ABOVE * before);
        worse
            .map(|(name, now, before)| {
                format!(
                    "{name}: {now:.2} times the floor, {:.2} times the committed {before:.2}",
                    now / before
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_more_is_told() {
        let ratios = |plain: f64| Ratios { ratio: [("plain".to_owned(), plain)].into() };
        assert!(ratios(2.5).worse_than(&ratios(2.0)).is_empty());
        let told = ratios(2.52).worse_than(&ratios(2.0));
        assert_eq!(told, ["plain: 2.52 times the floor, 1.26 times the committed 2.00"]);
        assert!(ratios(9.0).worse_than(&Ratios::default()).is_empty());
    }
}
