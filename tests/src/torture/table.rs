//! A table for people: how often what was seen.

use std::fmt::Write as _;

/// Rows of a name and a count, the most frequent first, with their part of all.
pub fn counts<'n>(title: &str, rows: impl IntoIterator<Item = (&'n str, u64)>) -> String {
    let mut rows: Vec<_> = rows.into_iter().filter(|(_, count)| *count > 0).collect();
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let all: u64 = rows.iter().map(|(_, count)| count).sum();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max(title.len());
    let mut text = format!("{title:width$}  {:>12}  {:>6}\n", "count", "%");
    for (name, count) in rows {
        let part = count as f64 * 100.0 / all.max(1) as f64;
        let _ = writeln!(text, "{name:width$}  {count:>12}  {part:>6.2}");
    }
    text
}

/// As hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
