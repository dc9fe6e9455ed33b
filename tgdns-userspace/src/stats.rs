//! The counters of both paths by name; the shape of `tgdns stats --json`.

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap as _};

use crate::table;

/// Counters in the order in which they are shown; an object in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(pub Vec<(String, u64)>);

/// What the control socket tells: in its own order, which JSON objects do not keep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Of the slow path.
    pub counters: Vec<(String, u64)>,
    pub probes: Vec<(String, u64)>,
    pub hooks: Vec<(String, u64)>,
    pub interfaces: Vec<(String, u64)>,
    /// How often answers were published or could not be, the clusters that were rendered for that, the entries of the fast path's
    /// maps that were written, and how long all that took.
    #[serde(default)]
    pub publications: Vec<(String, u64)>,
    /// Questions that the self-test has asked the fast path, how many of them were answered otherwise than they should, and
    /// how many still are.
    #[serde(default)]
    pub self_test: Vec<(String, u64)>,
    /// Of the fast path, without what this controller's self-test has asked it.
    #[serde(default)]
    pub fast_path: Option<Vec<(String, u64)>>,
}

/// Each path by itself, because each can be asked without the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// None where no fast path is attached.
    pub fast_path: Option<Counters>,
    /// None where no controller runs.
    pub slow_path: Option<Counters>,
    /// The same, here and below.
    pub probes: Option<Counters>,
    pub hooks: Option<Counters>,
    pub interfaces: Option<Counters>,
    pub publications: Option<Counters>,
    pub self_test: Option<Counters>,
}

impl Serialize for Counters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, count) in &self.0 {
            map.serialize_entry(name, count)?;
        }
        map.end()
    }
}

/// As text, for people: what has been counted, without the zeros.
pub fn render(stats: &Stats) -> String {
    let paths = [
        ("fast path", &stats.fast_path),
        ("slow path", &stats.slow_path),
        ("probes", &stats.probes),
        ("hooks", &stats.hooks),
        ("interfaces", &stats.interfaces),
        ("publications", &stats.publications),
        ("self-test", &stats.self_test),
    ];
    paths.into_iter().map(|(name, counters)| render_path(name, counters.as_ref())).collect()
}

fn render_path(name: &str, counters: Option<&Counters>) -> String {
    let Some(Counters(counters)) = counters else { return format!("{name}: not available\n") };
    let counted: Vec<Vec<String>> = counters
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| vec![name.clone(), count.to_string()])
        .collect();
    let zeros = counters.len() - counted.len();
    format!("{name}, {zeros} of {} counters are 0:\n{}", counters.len(), table::render(2, &counted))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn stats() -> Stats {
        let counters = [("answered_a", 12), ("not_dns", 0), ("a_last_one", 3)];
        let counters = counters.map(|(name, count)| (name.to_owned(), count)).to_vec();
        Stats {
            fast_path: Some(Counters(counters)),
            slow_path: None,
            probes: None,
            hooks: None,
            interfaces: None,
            publications: None,
            self_test: None,
        }
    }

    #[test]
    fn json_is_an_object_for_each_path() {
        assert_eq!(
            serde_json::to_string(&stats()).unwrap(),
            r#"{"fast_path":{"answered_a":12,"not_dns":0,"a_last_one":3},"slow_path":null,"probes":null,"hooks":null,"interfaces":null,"publications":null,"self_test":null}"#
        );
    }

    #[test]
    fn text_leaves_zeros_out() {
        assert_eq!(
            render(&stats()),
            "fast path, 1 of 3 counters are 0:\n  answered_a  12\n  a_last_one  3\nslow path: not available\nprobes: not available\nhooks: not available\ninterfaces: not available\npublications: not available\nself-test: not available\n"
        );
    }
}
