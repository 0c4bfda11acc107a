//! Rows of figures, as text and as Markdown.

use std::fmt;

use serde_json::{Value, json};

use crate::stats::Pairs;

/// A figure with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Figure {
    /// Time on a core for one call.
    CpuMicros(f64),
    Micros(f64),
    Millis(f64),
    Seconds(f64),
    Mebibytes(f64),
    Calls(f64),
    Instructions(f64),
}

/// What was promised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// Nothing; the figure is there to be known.
    None,
    /// So many times the other at most.
    Ratio(f64),
    /// This at most.
    AtMost(Figure),
}

/// One measurement.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) what: String,
    /// None where it could not be measured, which `note` explains.
    pub(crate) ours: Option<Figure>,
    pub(crate) theirs: Option<Figure>,
    pub(crate) ratio: Option<f64>,
    /// The least and the greatest ratio of a round.
    pub(crate) spread: Option<(f64, f64)>,
    pub(crate) goal: Goal,
    pub(crate) note: String,
}

const HEADINGS: [&str; 7] = ["", "crosswalk", "nginx", "ratio", "goal", "met", "note"];

impl Figure {
    fn value(self) -> f64 {
        match self {
            Self::CpuMicros(value)
            | Self::Micros(value)
            | Self::Millis(value)
            | Self::Seconds(value)
            | Self::Mebibytes(value)
            | Self::Calls(value)
            | Self::Instructions(value) => value,
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::CpuMicros(_) => "µs CPU",
            Self::Micros(_) => "µs",
            Self::Millis(_) => "ms",
            Self::Seconds(_) => "s",
            Self::Mebibytes(_) => "MiB",
            Self::Calls(_) => "calls",
            Self::Instructions(_) => "instructions",
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", rounded(self.value()), self.unit())
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Ratio(most) => write!(f, "≤ {most} ×"),
            Self::AtMost(figure) => write!(f, "≤ {figure}"),
        }
    }
}

impl Row {
    /// A row that could not be measured.
    pub(crate) fn left_out(what: impl Into<String>, goal: Goal, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            ours: None,
            theirs: None,
            ratio: None,
            spread: None,
            goal,
            note: why.into(),
        }
    }

    /// A figure of ours alone.
    pub(crate) fn alone(what: impl Into<String>, ours: Figure, goal: Goal) -> Self {
        Self {
            ours: Some(ours),
            ..Self::left_out(what, goal, "")
        }
    }

    /// The same beside another's figure.
    pub(crate) fn beside(self, theirs: Figure, pairs: &Pairs) -> Self {
        Self {
            theirs: Some(theirs),
            ratio: Some(pairs.ratio()),
            spread: Some(pairs.spread()),
            ..self
        }
    }

    /// Whether what was promised is kept; none where nothing was, or where it is not known.
    pub(crate) fn is_met(&self) -> Option<bool> {
        match self.goal {
            Goal::None => None,
            // As it is shown: what reads 1.20 is not above 1.2.
            Goal::Ratio(most) => self
                .ratio
                .map(|ratio| (ratio * 100.0).round() <= most * 100.0),
            Goal::AtMost(most) => self.ours.map(|ours| ours.value() <= most.value()),
        }
    }

    fn cells(&self) -> [String; 7] {
        let figure = |figure: Option<Figure>| figure.map_or("—".to_owned(), |it| it.to_string());
        let ratio = match (self.ratio, self.spread) {
            (Some(ratio), Some((least, most))) if most > least => {
                format!("{ratio:.2} ({least:.2}–{most:.2})")
            }
            (Some(ratio), _) => format!("{ratio:.2}"),
            (None, _) => String::new(),
        };
        let met = match self.is_met() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        };
        [
            self.what.clone(),
            figure(self.ours),
            figure(self.theirs),
            ratio,
            self.goal.to_string(),
            met.to_owned(),
            self.note.clone(),
        ]
    }
}

/// The rows one below the other, each column as wide as it must be.
pub(crate) fn text(rows: &[Row]) -> String {
    let lines: Vec<_> = std::iter::once(HEADINGS.map(str::to_owned))
        .chain(rows.iter().map(Row::cells))
        .collect();
    let mut widths = [0; HEADINGS.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String; 7]| {
        let cells = cells.iter().zip(widths);
        let padded: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    lines.iter().map(line).collect()
}

/// The rows as a table of Markdown.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&HEADINGS.map(str::to_owned));
    text.push_str(&line(&HEADINGS.map(|_| "---".to_owned())));
    for row in rows {
        text.push_str(&line(&row.cells().map(|cell| cell.replace('|', "\\|"))));
    }
    text
}

/// The rows as JSON.
pub(crate) fn json(rows: &[Row]) -> Value {
    let figure =
        |figure: Option<Figure>| figure.map(|it| json!({ "value": it.value(), "unit": it.unit() }));
    rows.iter()
        .map(|row| {
            json!({
                "what": row.what,
                "crosswalk": figure(row.ours),
                "nginx": figure(row.theirs),
                "ratio": row.ratio,
                "least": row.spread.map(|(least, _)| least),
                "most": row.spread.map(|(_, most)| most),
                "goal": row.goal.to_string(),
                "met": row.is_met(),
                "note": row.note,
            })
        })
        .collect()
}

/// Three digits that count.
fn rounded(value: f64) -> String {
    let places = match value.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ratio: f64) -> Row {
        Row {
            theirs: Some(Figure::CpuMicros(12.0)),
            ratio: Some(ratio),
            spread: Some((1.1, 1.3)),
            ..Row::alone("get", Figure::CpuMicros(14.36), Goal::Ratio(1.2))
        }
    }

    #[test]
    fn a_goal_is_met_by_the_ratio_that_is_shown() {
        assert_eq!(row(1.204).is_met(), Some(true));
        assert_eq!(row(1.206).is_met(), Some(false));
    }

    #[test]
    fn a_goal_that_is_a_figure_is_held_against_ours() {
        let goal = Goal::AtMost(Figure::Mebibytes(10.0));
        assert_eq!(
            Row::alone("idle", Figure::Mebibytes(9.9), goal).is_met(),
            Some(true)
        );
        assert_eq!(
            Row::alone("idle", Figure::Mebibytes(10.1), goal).is_met(),
            Some(false)
        );
    }

    #[test]
    fn what_was_not_measured_is_neither_met_nor_missed() {
        let row = Row::left_out("get", Goal::Ratio(1.2), "nginx is not installed");
        assert_eq!(row.is_met(), None);
        assert!(text(&[row]).contains("nginx is not installed"));
    }

    #[test]
    fn a_row_is_a_line_of_markdown() {
        let table = markdown(&[row(1.2)]);
        assert_eq!(
            table.lines().last(),
            Some("| get | 14.4 µs CPU | 12.0 µs CPU | 1.20 (1.10–1.30) | ≤ 1.2 × | yes |  |")
        );
        assert!(table.lines().all(|line| line.matches('|').count() == 8));
    }

    #[test]
    fn programs_read_figures_with_their_units() {
        let rows = json(&[row(1.25)]);
        assert_eq!(
            rows[0]["crosswalk"],
            json!({ "value": 14.36, "unit": "µs CPU" })
        );
        assert_eq!(rows[0]["met"], false);
    }

    #[test]
    fn columns_of_text_stand_below_each_other() {
        let table = text(&[row(1.2), row(1.25)]);
        let column = |line: &str| line.find("µs CPU");
        let lines: Vec<_> = table.lines().skip(1).collect();
        assert_eq!(column(lines[0]), column(lines[1]));
    }
}
