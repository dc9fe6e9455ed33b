//! Tables in Markdown, and their place in BENCHMARKS.md.

use std::{fmt, fs, path::Path};

use anyhow::{Context as _, Result, ensure};

/// A table whose columns are as wide as their longest cell, so that it reads well in a terminal, too.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|cell| (*cell).to_owned()).collect()] }
    }

    /// As many cells as the head has.
    pub fn row(&mut self, cells: &[String]) {
        self.rows.push(cells.to_vec());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..self.rows[0].len()).map(|column| width(column).unwrap_or(0)).collect();
        for (index, row) in self.rows.iter().enumerate() {
            for (cell, width) in row.iter().zip(&widths) {
                write!(formatter, "| {cell:width$} ")?;
            }
            writeln!(formatter, "|")?;
            if index == 0 {
                for width in &widths {
                    write!(formatter, "|{}", "-".repeat(width + 2))?;
                }
                writeln!(formatter, "|")?;
            }
        }
        Ok(())
    }
}

/// Puts text between the two comments that name its place in a file.
pub fn write(file: &Path, place: &str, text: &str) -> Result<()> {
    let before = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let after = replaced(&before, place, text).with_context(|| format!("writing {}", file.display()))?;
    fs::write(file, after).with_context(|| format!("writing {}", file.display()))
}

fn replaced(file: &str, place: &str, text: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- bench: {place} -->\n"), format!("<!-- bench: end of {place} -->"));
    let missing = || format!("there is no `{}`", begin.trim_end());
    let begin_at = file.find(&begin).with_context(missing)? + begin.len();
    let end_at = file.find(&end).with_context(|| format!("there is no `{end}`"))?;
    ensure!(begin_at <= end_at, "`{end}` comes first");
    Ok(format!("{}\n{}\n\n{}", &file[..begin_at], text.trim(), &file[end_at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let mut table = Table::new(&["frame", "ns"]);
        table.row(&["≤ plain".into(), "1".into()]);
        assert_eq!(table.to_string(), "| frame   | ns |\n|---------|----|\n| ≤ plain | 1  |\n");
    }

    #[test]
    fn only_the_place_is_written() -> Result<()> {
        let file = "a\n<!-- bench: x -->\nold\n<!-- bench: end of x -->\nz\n";
        let expected = "a\n<!-- bench: x -->\n\nnew\n\n<!-- bench: end of x -->\nz\n";
        assert_eq!(replaced(file, "x", "new\n")?, expected);
        assert_eq!(replaced(expected, "x", "new")?, expected);
        assert!(replaced(file, "y", "new").is_err());
        Ok(())
    }
}
