//! Text in columns, for people.

/// Rows of cells, each column as wide as its widest cell, two spaces apart. The lines end without spaces.
pub fn render(indent: usize, rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = " ".repeat(indent);
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        for (indent, rows, expected) in [
            (0, vec![], ""),
            (0, vec![vec!["a", "b"], vec!["longer", "c"]], "a       b\nlonger  c\n"),
            (2, vec![vec!["ä", "", "x"], vec!["yy"]], "  ä     x\n  yy\n"),
        ] {
            let rows: Vec<Vec<String>> =
                rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
            assert_eq!(render(indent, &rows), expected);
        }
    }
}
