//! An empty database, what is written into it, and what is in it afterwards.

use std::{collections::BTreeMap, fmt::Write as _};

use crosswalk::destination::{
    Applied, Column, Destination, DestinationError, Kind, Page, Row, Settings, StreamKey, Table,
};
use crosswalk_tests::Postgres;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

pub(crate) struct Stage {
    pub(crate) settings: Settings,
    at: At,
    /// Kept from one look to the next: to be let in takes a moment.
    looking: tokio::sync::Mutex<Option<PgConnection>>,
}

enum At {
    Postgres(String),
    /// The folder goes with the stage.
    Sqlite(TempDir),
}

impl Stage {
    pub(crate) fn postgres() -> Option<Self> {
        Some(Self::of_postgres(Postgres::shared()?.database()))
    }

    pub(crate) fn of_postgres(url: String) -> Self {
        Self {
            settings: Settings::Postgres {
                url: url.clone().into(),
                schema: None,
            },
            at: At::Postgres(url),
            looking: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            settings: Settings::Sqlite {
                folder: folder.path().to_owned(),
                path: "crm.db".to_owned(),
            },
            at: At::Sqlite(folder),
            looking: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.at, At::Postgres(_))
    }

    pub(crate) async fn open(&self) -> Destination {
        Destination::open(&self.settings).await.unwrap()
    }

    /// Runs SQL as the database's owner would; a result's first column, which is text.
    pub(crate) async fn sql(&self, sql: &str) -> Vec<Option<String>> {
        match &self.at {
            At::Postgres(url) => {
                let mut looking = self.looking.lock().await;
                let mut kept = looking.take();
                if let Some(connection) = &mut kept
                    && connection.ping().await.is_err()
                {
                    kept = None;
                }
                let mut connection = match kept {
                    Some(connection) => connection,
                    None => PgConnection::connect(url).await.unwrap(),
                };
                let query = sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false);
                let rows = query.fetch_all(&mut connection).await.unwrap();
                *looking = Some(connection);
                rows
            }
            At::Sqlite(folder) => {
                let file = folder.path().join("crm.db");
                let url = format!("sqlite:{}?mode=rwc", file.display());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                let query = sqlx::query_scalar(AssertSqlSafe(sql));
                let rows = query.fetch_all(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                rows
            }
        }
    }

    /// One value.
    pub(crate) async fn value(&self, sql: &str) -> String {
        self.sql(sql)
            .await
            .remove(0)
            .unwrap_or_else(|| "NULL".to_owned())
    }

    /// What the table has, as one JSON object a row, by connection and id. Numbers are texts.
    pub(crate) async fn rows(&self, table: &Table) -> BTreeMap<(String, String), Value> {
        let mut members = String::new();
        let own = [
            ("raw_data", Kind::Json),
            ("_customer_id", Kind::Text),
            ("_deleted", Kind::Boolean),
            ("_deleted_at", Kind::Timestamp),
            ("_synced_at", Kind::Timestamp),
            ("_generation", Kind::Integer),
        ];
        let fields = table
            .columns()
            .iter()
            .map(|column| (column.name.as_str(), column.kind));
        let (build, cast) = if self.is_postgres() {
            ("jsonb_build_object", "::text")
        } else {
            ("json_object", "")
        };
        // A function takes a hundred arguments.
        let mut objects = Vec::new();
        for (name, kind) in fields.chain(own) {
            let value = match kind {
                Kind::Json if self.is_postgres() => format!("\"{name}\""),
                Kind::Json => format!("json(\"{name}\")"),
                Kind::Boolean if !self.is_postgres() => {
                    format!(
                        "CASE \"{name}\" WHEN 1 THEN json('true') WHEN 0 THEN json('false') END"
                    )
                }
                Kind::Boolean => format!("\"{name}\""),
                Kind::Timestamp if self.is_postgres() => format!(
                    "to_char(\"{name}\" AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
                ),
                Kind::Integer | Kind::Number if self.is_postgres() => format!("\"{name}\"{cast}"),
                Kind::Integer | Kind::Number => format!("CAST(\"{name}\" AS text)"),
                _ => format!("\"{name}\"{cast}"),
            };
            let _ = write!(members, "'{name}', {value}, ");
            if members.matches('\'').count() > 60 {
                objects.push(std::mem::take(&mut members));
            }
        }
        objects.push(members);
        let mut all = BTreeMap::new();
        for members in objects {
            if members.is_empty() {
                continue;
            }
            let sql = format!(
                "SELECT {build}({members}'key', {build}('connection', \"_connection_id\", 'id', \"id\")){cast} FROM \"{}\"",
                table.name()
            );
            for row in self.sql(&sql).await {
                let mut row: serde_json::Map<String, Value> =
                    serde_json::from_str(&row.unwrap()).unwrap();
                let key = row.remove("key").unwrap();
                let text = |name: &str| key[name].as_str().unwrap().to_owned();
                let whole = all
                    .entry((text("connection"), text("id")))
                    .or_insert_with(|| json!({}));
                whole.as_object_mut().unwrap().extend(row);
            }
        }
        if let At::Sqlite(folder) = &self.at {
            for column in table
                .columns()
                .iter()
                .filter(|column| column.kind == Kind::Number)
            {
                exact_reals(folder, table.name(), &column.name, &mut all).await;
            }
        }
        all
    }
}

/// SQLite writes a real number with fewer digits than it has; so these are read as what they are.
async fn exact_reals(
    folder: &TempDir,
    table: &str,
    column: &str,
    rows: &mut BTreeMap<(String, String), Value>,
) {
    let url = format!("sqlite:{}", folder.path().join("crm.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let sql = format!(
        "SELECT _connection_id, id, \"{column}\" FROM \"{table}\" WHERE typeof(\"{column}\") = 'real'"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql));
    let reals: Vec<(String, String, f64)> = query.fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    for (connection, id, real) in reals {
        rows.get_mut(&(connection, id)).unwrap()[column] = json!(real.to_string());
    }
}

pub(crate) fn key() -> StreamKey {
    StreamKey {
        pipeline: "pipe_1".to_owned(),
        stream: "crm_account".to_owned(),
        connection_id: "conn_1".to_owned(),
    }
}

pub(crate) fn table(columns: &[(&str, Kind)]) -> Table {
    named_table("crm_account", columns)
}

pub(crate) fn named_table(name: &str, columns: &[(&str, Kind)]) -> Table {
    let columns = columns.iter().map(|(name, kind)| Column {
        name: (*name).to_owned(),
        kind: *kind,
    });
    Table::new(name, columns).unwrap()
}

/// A table with a column of each kind.
pub(crate) fn accounts() -> Table {
    table(&[
        ("name", Kind::Text),
        ("employees", Kind::Integer),
        ("amount", Kind::Number),
        ("is_deleted", Kind::Boolean),
        ("updated_at", Kind::Timestamp),
        ("closed_on", Kind::Date),
        ("addresses", Kind::Json),
    ])
}

/// Who writes pages of one stream.
pub(crate) struct Runner {
    pub(crate) destination: Destination,
    pub(crate) key: StreamKey,
    pub(crate) table: Table,
    pub(crate) fence: i64,
}

impl Runner {
    /// One with the stream claimed and the table prepared.
    pub(crate) async fn of(stage: &Stage, table: &Table) -> Self {
        let destination = stage.open().await;
        destination.prepare(table).await.unwrap();
        let key = key();
        destination.claim(&key, 1).await.unwrap();
        Self {
            destination,
            key,
            table: table.clone(),
            fence: 1,
        }
    }

    pub(crate) async fn apply(
        &self,
        records: &[Value],
        cursor: &str,
    ) -> Result<Applied, DestinationError> {
        let rows: Vec<Row> = records
            .iter()
            .map(|record| Row::from_record(&record.to_string()).unwrap())
            .collect();
        self.apply_rows(&rows, cursor).await
    }

    pub(crate) async fn apply_rows(
        &self,
        rows: &[Row],
        cursor: &str,
    ) -> Result<Applied, DestinationError> {
        self.destination
            .apply(Page {
                key: &self.key,
                table: &self.table,
                customer_id: "cust_1",
                fence: self.fence,
                rows,
                cursor: Some(cursor),
            })
            .await
    }

    pub(crate) async fn cursor(&self) -> Option<String> {
        self.destination
            .state(&self.key)
            .await
            .unwrap()
            .and_then(|state| state.cursor)
    }
}

/// The row of an id of the runner's connection.
pub(crate) fn row<'a>(rows: &'a BTreeMap<(String, String), Value>, id: &str) -> &'a Value {
    &rows[&("conn_1".to_owned(), id.to_owned())]
}
