//! An example for each operation, made from what it takes.

use super::{body::example_members, operation::Operation};
use std::fmt::Write as _;

/// Longer lines would be broken where a shell does not expect it.
const WIDTH: usize = 76;

/// What stands below the help of an operation.
pub(super) fn examples(operation: &Operation) -> String {
    let mut parts = vec![format!("crosswalk call {}", operation.name)];
    if operation.has_connection {
        parts.push("--connection hubspot-demo".to_owned());
    }
    let required = operation.required();
    parts.extend(required.map(|it| format!("--{} {}", it.flag(), it.example())));
    let with = |more: &[String]| line(parts.iter().chain(more));
    let mut text = "Examples:".to_owned();
    match operation.body {
        Some(schema) => {
            text.push_str(&with(&example_members(schema)));
            text.push_str(&with(&["--data @body.json".to_owned()]));
        }
        None => text.push_str(&with(&[])),
    }
    if operation.has_pages() {
        text.push_str(&with(&["--all --json > records.jsonl".to_owned()]));
    }
    let _ = write!(
        text,
        "\n\nIt is {} {}. `crosswalk openapi` prints what its answers are.",
        operation.method, operation.path
    );
    text
}

/// A command, on further lines where it is long, as a shell takes it.
fn line<'p>(parts: impl Iterator<Item = &'p String>) -> String {
    let mut text = String::from("\n ");
    let mut width = 1;
    for part in parts {
        if width + part.len() + 3 > WIDTH {
            text.push_str(" \\\n     ");
            width = 5;
        }
        text.push(' ');
        text.push_str(part);
        width += part.len() + 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_goes_on_as_a_shell_takes_it() {
        let parts = ["a".repeat(50), "b".repeat(30)];
        let (a, b) = (&parts[0], &parts[1]);
        assert_eq!(line(parts.iter()), format!("\n  {a} \\\n      {b}"));
    }
}
