//! A unified record on its way into a table, and the rows of one page.

use std::collections::{BTreeMap, HashMap};

use serde_json::value::RawValue;

use super::{
    clean,
    table::{Kind, Table},
    value::{self, Problem},
};

/// The longest id; PostgreSQL's indexes end at about 2,700 bytes, and no provider comes near either.
const LONGEST_ID: usize = 1_000;

/// A unified record: the JSON object that a list of the unified API has, `id`, `is_deleted` and `raw_data` included.
///
/// Values stay text until they are in the database, so that a number keeps all its digits.
#[derive(Debug, Clone)]
pub struct Row {
    members: HashMap<String, Box<RawValue>>,
    was_cleaned: bool,
}

/// A record that is no JSON object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a unified record: {0}")]
pub struct NotARecord(String);

impl Row {
    /// Reads a record of the unified API.
    pub fn from_record(record: &str) -> Result<Self, NotARecord> {
        let cleaned = clean::json(record);
        let members =
            serde_json::from_str(&cleaned).map_err(|error| NotARecord(error.to_string()))?;
        Ok(Self {
            members,
            was_cleaned: matches!(cleaned, std::borrow::Cow::Owned(_)),
        })
    }

    fn id(&self) -> Option<String> {
        let id = value::to_column(Kind::Text, self.members.get("id")?.get()).ok()??;
        (1..=LONGEST_ID).contains(&id.len()).then_some(id)
    }

    fn is_deleted(&self) -> bool {
        self.members
            .get("is_deleted")
            .is_some_and(|value| value.get() == "true")
    }
}

/// Values that are not in the destination as the provider has them, by column and problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Empty if it is about the whole record.
    pub column: String,
    pub problem: Problem,
    /// How many records of the page have it.
    pub records: u64,
    /// The id of one of them.
    pub example: String,
}

/// What is written of one record.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    /// In the order of the table's columns.
    pub(super) cells: Vec<Option<String>>,
    pub(super) raw: Option<String>,
    pub(super) is_deleted: bool,
}

/// The rows of a page, in the order of their ids: two runners that write the same rows in the same order wait for each
/// other and never both at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Each id once.
    rows: BTreeMap<String, Stored>,
    /// Deletions of records that are among `rows` undeleted. They are written after those, since they keep what they do
    /// not tell of them, and not of what was in the table before.
    deletions: BTreeMap<String, Stored>,
    pub(super) skipped: u64,
    warnings: BTreeMap<(String, Problem), (u64, String)>,
}

impl Batch {
    /// Of two records with one id the later counts, just as if they had come in two pages.
    pub(super) fn of(table: &Table, rows: &[Row]) -> Self {
        let mut batch = Self::default();
        for row in rows {
            let Some(id) = row.id() else {
                batch.skipped += 1;
                batch.warn("id", Problem::NoId, "");
                continue;
            };
            if row.was_cleaned {
                batch.warn("", Problem::Replaced, &id);
            }
            let mut cell = |name: &str, kind: Kind| {
                let json = row.members.get(name)?;
                value::to_column(kind, json.get()).unwrap_or_else(|problem| {
                    batch.warn(name, problem, &id);
                    None
                })
            };
            let stored = Stored {
                cells: table
                    .columns()
                    .iter()
                    .map(|column| cell(&column.name, column.kind))
                    .collect(),
                raw: cell("raw_data", Kind::Json),
                is_deleted: row.is_deleted(),
            };
            batch.insert(id, stored);
        }
        batch
    }

    fn insert(&mut self, id: String, mut stored: Stored) {
        let later = if stored.is_deleted {
            match self.rows.get(&id) {
                Some(earlier) if !earlier.is_deleted => &mut self.deletions,
                _ => &mut self.rows,
            }
        } else {
            self.deletions.remove(&id);
            self.rows.insert(id, stored);
            return;
        };
        if let Some(earlier) = later.remove(&id) {
            stored.fill_from(earlier);
        }
        later.insert(id, stored);
    }

    /// What is written by one statement after the other; in none is an id twice.
    pub(super) fn rounds(&self) -> impl Iterator<Item = &BTreeMap<String, Stored>> {
        [&self.rows, &self.deletions]
            .into_iter()
            .filter(|rows| !rows.is_empty())
    }

    fn warn(&mut self, column: &str, problem: Problem, id: &str) {
        let (records, _) = self
            .warnings
            .entry((column.to_owned(), problem))
            .or_insert_with(|| (0, id.to_owned()));
        *records += 1;
    }

    pub(super) fn warnings(&self) -> Vec<Warning> {
        self.warnings
            .iter()
            .map(|((column, problem), (records, example))| Warning {
                column: column.clone(),
                problem: *problem,
                records: *records,
                example: example.clone(),
            })
            .collect()
    }
}

impl Stored {
    /// What a deletion does not tell stays as it was.
    fn fill_from(&mut self, earlier: Self) {
        for (cell, earlier) in self.cells.iter_mut().zip(earlier.cells) {
            if cell.is_none() {
                *cell = earlier;
            }
        }
        if self.raw.is_none() {
            self.raw = earlier.raw;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::Column;

    fn table() -> Table {
        let column = |name: &str, kind| Column {
            name: name.to_owned(),
            kind,
        };
        Table::new(
            "t",
            [column("name", Kind::Text), column("size", Kind::Integer)],
        )
        .unwrap()
    }

    fn batch(records: &[&str]) -> Batch {
        let rows: Vec<Row> = records
            .iter()
            .map(|record| Row::from_record(record).unwrap())
            .collect();
        Batch::of(&table(), &rows)
    }

    #[test]
    fn the_last_of_an_id_counts() {
        let batch = batch(&[
            r#"{"id":"1","name":"a","size":1}"#,
            r#"{"id":"1","name":"b"}"#,
        ]);
        assert_eq!(batch.rows["1"].cells, [Some("b".to_owned()), None]);
    }

    #[test]
    fn a_deletion_keeps_what_it_does_not_tell() {
        let batch = batch(&[
            r#"{"id":"1","name":"a","size":1,"raw_data":{"x":1},"is_deleted":true}"#,
            r#"{"id":"1","size":2,"is_deleted":true}"#,
        ]);
        let stored = &batch.rows["1"];
        assert_eq!(stored.cells, [Some("a".to_owned()), Some("2".to_owned())]);
        assert_eq!(stored.raw.as_deref(), Some(r#"{"x":1}"#));
        assert!(stored.is_deleted);
    }

    #[test]
    fn a_deletion_of_a_record_of_the_same_page_comes_after_it() {
        let live = r#"{"id":"1","name":null}"#;
        let gone = r#"{"id":"1","is_deleted":true}"#;
        let rounds = |records: &[&str]| -> Vec<bool> {
            let batch = batch(records);
            batch.rounds().map(|rows| rows["1"].is_deleted).collect()
        };
        assert_eq!(rounds(&[live, gone]), [false, true]);
        assert_eq!(rounds(&[gone, live, gone, gone]), [false, true]);
        assert_eq!(rounds(&[live, gone, live]), [false]);
        assert_eq!(rounds(&[gone, gone]), [true]);
        assert_eq!(rounds(&[gone, live]), [false]);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let batch = batch(&[
            r#"{"id":"1","size":"many"}"#,
            r#"{"id":"2","size":"more"}"#,
            r#"{"id":"","size":1}"#,
            r#"{"id":"4","name":"\ud800"}"#,
        ]);
        assert_eq!((batch.rows.len(), batch.skipped), (3, 1));
        let told: Vec<_> = batch
            .warnings()
            .into_iter()
            .map(|warning| {
                (
                    warning.column,
                    warning.problem,
                    warning.records,
                    warning.example,
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (String::new(), Problem::Replaced, 1, "4".to_owned()),
                ("id".to_owned(), Problem::NoId, 1, String::new()),
                ("size".to_owned(), Problem::OtherKind, 2, "1".to_owned()),
            ]
        );
    }

    #[test]
    fn what_is_no_object_is_no_record() {
        assert!(Row::from_record("[1]").is_err());
        assert!(Row::from_record("{").is_err());
    }
}
