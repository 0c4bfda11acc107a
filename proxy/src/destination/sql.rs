//! The statements, for both databases.
//!
//! Every name is quoted; names come from [`Table`], which has checked them, and from a checked schema. Every value is a
//! parameter. PostgreSQL takes a page as one array for each column, so that one statement text serves pages of every
//! size; SQLite, which has no round trips to save, takes rows of parameters.

use std::fmt::Write as _;

use super::table::{Kind, Table};

/// Where cursors are, beside the tables.
pub(super) const STREAMS: &str = "_crosswalk_streams";

/// The columns of [`STREAMS`] and whether they must have a value.
pub(super) const STREAMS_COLUMNS: [(&str, Kind, bool); 9] = [
    ("pipeline", Kind::Text, true),
    ("stream", Kind::Text, true),
    ("connection_id", Kind::Text, true),
    ("cursor", Kind::Text, false),
    ("generation", Kind::Integer, true),
    ("fence", Kind::Integer, true),
    ("records", Kind::Integer, true),
    ("pages", Kind::Integer, true),
    ("updated_at", Kind::Timestamp, true),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    Sqlite,
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Pipeline.
pub(super) fn forget(streams: &str) -> String {
    format!(r#"DELETE FROM {streams} WHERE "pipeline" = $1"#)
}

/// Connection, generation, the last id that was looked at, how many: rows that an ended walk has not seen.
pub(super) fn unseen(place: &str) -> String {
    format!(
        r#"SELECT "id" FROM {place} WHERE "_connection_id" = $1 AND "_generation" < $2 AND NOT "_deleted"
        AND "id" > $3 ORDER BY "id" LIMIT $4"#
    )
}

impl Dialect {
    /// How a new column's type is written.
    pub(super) fn column_type(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (_, Kind::Integer) => "bigint",
            (_, Kind::Boolean) => "boolean",
            (Self::Postgres, Kind::Number) => "numeric",
            (Self::Postgres, Kind::Timestamp) => "timestamptz",
            (Self::Postgres, Kind::Date) => "date",
            (Self::Postgres, Kind::Json) => "jsonb",
            // None, so that SQLite keeps the storage class that it is given; NUMERIC would round after 15 digits.
            (Self::Sqlite, Kind::Number) => "",
            (_, Kind::Text) | (Self::Sqlite, Kind::Timestamp | Kind::Date | Kind::Json) => "text",
        }
    }

    /// The instant of the transaction, by the database's clock.
    fn now(self) -> &'static str {
        match self {
            Self::Postgres => "now()",
            Self::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
        }
    }

    /// What `STREAMS` tells of a stream.
    fn state(self) -> &'static str {
        match self {
            Self::Postgres => {
                r#""cursor", "generation", "fence", "records", "pages",
                to_char("updated_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#
            }
            Self::Sqlite => r#""cursor", "generation", "fence", "records", "pages", "updated_at""#,
        }
    }

    pub(super) fn create_table(self, place: &str, table: &Table) -> String {
        self.create(place, table.all_columns(), r#""_connection_id", "id""#)
    }

    pub(super) fn create_streams(self, streams: &str) -> String {
        self.create(
            streams,
            STREAMS_COLUMNS.into_iter(),
            r#""pipeline", "stream", "connection_id""#,
        )
    }

    fn create<'a>(
        self,
        place: &str,
        columns: impl Iterator<Item = (&'a str, Kind, bool)>,
        key: &str,
    ) -> String {
        let mut text = format!("CREATE TABLE {place} (");
        for (name, kind, is_required) in columns {
            let required = if is_required { " NOT NULL" } else { "" };
            let _ = write!(
                text,
                "{} {}{required}, ",
                quoted(name),
                self.column_type(kind)
            );
        }
        let _ = write!(text, "PRIMARY KEY ({key}))");
        text
    }

    /// One statement for each column: SQLite adds no two at once.
    pub(super) fn add_column(self, place: &str, name: &str, kind: Kind) -> String {
        format!(
            "ALTER TABLE {place} ADD COLUMN {} {}",
            quoted(name),
            self.column_type(kind)
        )
    }

    /// Pipeline, stream, connection.
    pub(super) fn select_state(self, streams: &str) -> String {
        format!(
            r#"SELECT {} FROM {streams} WHERE "pipeline" = $1 AND "stream" = $2 AND "connection_id" = $3"#,
            self.state(),
        )
    }

    /// Pipeline, stream, connection, fence. No row comes back if a newer fence is stored.
    pub(super) fn claim(self, streams: &str) -> String {
        format!(
            r#"INSERT INTO {streams} AS s VALUES ($1, $2, $3, NULL, 0, $4, 0, 0, {now})
            ON CONFLICT ("pipeline", "stream", "connection_id") DO UPDATE
            SET "fence" = EXCLUDED."fence", "updated_at" = EXCLUDED."updated_at"
            WHERE s."fence" <= EXCLUDED."fence" RETURNING {state}"#,
            now = self.now(),
            state = self.state(),
        )
    }

    /// Pipeline, stream, connection, fence, cursor, records, pages. No row comes back if the fence is older than the
    /// stored one, or nobody has claimed the stream. The row stays locked until the transaction ends.
    ///
    /// Behind the state it tells the newest walk that any pipeline has begun over these rows: a row that one pipeline
    /// has just seen is not gone for another. It is no matter if one begins in this moment: what is written was read
    /// before, so that walk sees it or it is gone.
    pub(super) fn advance(self, streams: &str) -> String {
        let update = self.update(
            streams,
            r#""cursor" = $5, "records" = "records" + $6, "pages" = "pages" + $7"#,
        );
        format!(
            r#"{update}, (SELECT max(o."generation") FROM {streams} AS o WHERE o."stream" = $2 AND o."connection_id" = $3)"#
        )
    }

    /// Pipeline, stream, connection, fence, cursor. The new generation is larger than any that a row of the connection
    /// has, also where cursors were forgotten.
    pub(super) fn begin_walk(self, streams: &str, place: &str) -> String {
        let set = format!(
            r#""cursor" = $5, "generation" = 1 + COALESCE((SELECT max(g) FROM (
                SELECT max("generation") AS g FROM {streams} WHERE "stream" = $2 AND "connection_id" = $3
                UNION ALL SELECT max("_generation") FROM {place} WHERE "_connection_id" = $3) AS all_of_them), 0)"#
        );
        self.update(streams, &set)
    }

    /// Pipeline, stream, connection, fence: only checks, and locks.
    pub(super) fn hold(self, streams: &str) -> String {
        self.update(streams, r#""pages" = "pages""#)
    }

    fn update(self, streams: &str, set: &str) -> String {
        format!(
            r#"UPDATE {streams} SET "fence" = $4, "updated_at" = {now}, {set}
            WHERE "pipeline" = $1 AND "stream" = $2 AND "connection_id" = $3 AND "fence" <= $4 RETURNING {state}"#,
            now = self.now(),
            state = self.state(),
        )
    }

    /// Connection, generation, ids (an array, or a JSON array).
    pub(super) fn mark_deleted(self, place: &str) -> String {
        let (is_true, among) = match self {
            Self::Postgres => ("true", "= ANY($3::text[])"),
            Self::Sqlite => ("1", "IN (SELECT value FROM json_each($3))"),
        };
        format!(
            r#"UPDATE {place} SET "_deleted" = {is_true}, "_deleted_at" = {now}, "_synced_at" = {now}
            WHERE "_connection_id" = $1 AND "_generation" < $2 AND NOT "_deleted" AND "id" {among}"#,
            now = self.now(),
        )
    }

    /// The rows of a page. Parameters for PostgreSQL: connection, customer, generation, then arrays of ids, of each
    /// column, of raw data and of deletion marks. For SQLite those of each of `rows` rows, in the order of the columns.
    ///
    /// A row is written if it differs or was not yet seen in this walk. `_synced_at` changes only if it differs: what
    /// reads the table by it sees each change once.
    pub(super) fn upsert(self, place: &str, table: &Table, rows: usize) -> String {
        let names: Vec<String> = table
            .columns()
            .iter()
            .map(|column| quoted(&column.name))
            .collect();
        let mut text = format!(r#"INSERT INTO {place} AS t ("id""#);
        for name in &names {
            let _ = write!(text, ", {name}");
        }
        text.push_str(
            r#", "raw_data", "_connection_id", "_customer_id", "_deleted", "_deleted_at", "_synced_at", "_generation") "#,
        );
        match self {
            Self::Postgres => self.select_arrays(&mut text, table),
            Self::Sqlite => self.values(&mut text, names.len(), rows),
        }
        let greater = match self {
            Self::Postgres => "GREATEST",
            Self::Sqlite => "max",
        };
        // What a deletion does not tell stays as it was.
        let kept: Vec<String> = names
            .iter()
            .map(String::as_str)
            .chain(["\"raw_data\""])
            .map(|name| format!("CASE WHEN EXCLUDED.\"_deleted\" THEN COALESCE(EXCLUDED.{name}, t.{name}) ELSE EXCLUDED.{name} END"))
            .collect();
        let all: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .chain(["\"raw_data\""])
            .collect();
        let mut differs = String::new();
        for (name, kept) in all.iter().zip(&kept) {
            let _ = write!(differs, "t.{name} IS DISTINCT FROM ({kept}) OR ");
        }
        differs.push_str(
            r#"t."_customer_id" <> EXCLUDED."_customer_id" OR t."_deleted" <> EXCLUDED."_deleted""#,
        );
        text.push_str(r#" ON CONFLICT ("_connection_id", "id") DO UPDATE SET "#);
        for (name, kept) in all.iter().zip(&kept) {
            let _ = write!(text, "{name} = {kept}, ");
        }
        let _ = write!(
            text,
            r#""_customer_id" = EXCLUDED."_customer_id", "_deleted" = EXCLUDED."_deleted",
            "_deleted_at" = CASE WHEN EXCLUDED."_deleted" THEN COALESCE(t."_deleted_at", EXCLUDED."_deleted_at") END,
            "_synced_at" = CASE WHEN {differs} THEN EXCLUDED."_synced_at" ELSE t."_synced_at" END,
            "_generation" = {greater}(t."_generation", EXCLUDED."_generation")
            WHERE t."_generation" < EXCLUDED."_generation" OR {differs}"#
        );
        text
    }

    fn select_arrays(self, text: &mut String, table: &Table) {
        text.push_str("SELECT r.id");
        for (at, column) in table.columns().iter().enumerate() {
            let _ = write!(text, ", r.c{at}::{}", self.column_type(column.kind));
        }
        text.push_str(
            ", r.raw::jsonb, $1, $2, r.deleted, CASE WHEN r.deleted THEN now() END, now(), $3 FROM UNNEST($4::text[]",
        );
        let columns = table.columns().len();
        for parameter in 5..=columns + 5 {
            let _ = write!(text, ", ${parameter}::text[]");
        }
        let _ = write!(text, ", ${}::boolean[]) AS r(id", columns + 6);
        for at in 0..columns {
            let _ = write!(text, ", c{at}");
        }
        text.push_str(", raw, deleted)");
    }

    /// Parameters without numbers: SQLite finds each of the others by searching through all of them.
    fn values(self, text: &mut String, columns: usize, rows: usize) {
        let now = self.now();
        // The id, the columns, the raw data; connection, customer; the deletion mark, twice; the generation.
        let row = format!(
            "({}?, ?, ?, CASE WHEN ? THEN {now} END, {now}, ?)",
            "?, ".repeat(columns + 2)
        );
        text.push_str("VALUES ");
        for at in 0..rows {
            text.push_str(if at == 0 { "" } else { ", " });
            text.push_str(&row);
        }
    }
}
