//! A table for people: columns as wide as what is in them.

use std::fmt::Write as _;

/// The rows, the first of which is their heading, one a line.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let _ = write!(line, "{cell:width$}  ");
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
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [["ID", "NAME"], ["conn_1", "Å"], ["c", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "ID      NAME\nconn_1  Å\nc\n");
    }
}
