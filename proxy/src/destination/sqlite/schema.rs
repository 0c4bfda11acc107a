//! What a SQLite file has of our tables, and making what it lacks.

use sqlx::{AssertSqlSafe, Executor as _, Row as _, SqliteConnection};

use super::{DIALECT, Sqlite, commit, failed};
use crate::destination::{
    Prepared,
    error::DestinationError,
    found::{self, Found, FoundColumn, KEY, STREAMS_KEY, Wanted},
    sql::{STREAMS, quoted},
    table::Table,
};

impl Sqlite {
    pub(super) async fn prepare_streams(&self) -> Result<(), DestinationError> {
        let wanted = found::wanted_of_streams(DIALECT);
        let create = DIALECT.create_streams(&self.streams);
        self.ensure(STREAMS, &wanted, &STREAMS_KEY, create)
            .await
            .map(|_| ())
    }

    pub(super) async fn prepare_table(&self, table: &Table) -> Result<Prepared, DestinationError> {
        let wanted = found::wanted_of(DIALECT, table);
        let create = DIALECT.create_table(&quoted(table.name()), table);
        self.ensure(table.name(), &wanted, &KEY, create).await
    }

    async fn ensure(
        &self,
        name: &str,
        wanted: &[Wanted<'_>],
        key: &[&str],
        create: String,
    ) -> Result<Prepared, DestinationError> {
        let mut transaction = self.begin().await?;
        let prepared = match find(&mut transaction, name)
            .await
            .map_err(|error| failed(&error))?
        {
            None => {
                run(&mut transaction, create, name).await?;
                Prepared {
                    created: true,
                    added: Vec::new(),
                }
            }
            Some(found) => {
                let missing = found::missing(name, &found, wanted, key)?;
                for column in &missing {
                    let statement = DIALECT.add_column(&quoted(name), column.name, column.kind);
                    run(&mut transaction, statement, name).await?;
                }
                found::prepared(&missing)
            }
        };
        commit(transaction).await?;
        Ok(prepared)
    }
}

async fn find(
    transaction: &mut SqliteConnection,
    name: &str,
) -> Result<Option<Found>, sqlx::Error> {
    let kind: Option<String> =
        sqlx::query_scalar("SELECT type FROM sqlite_schema WHERE name = $1 COLLATE NOCASE")
            .bind(name)
            .fetch_optional(&mut *transaction)
            .await?;
    let Some(kind) = kind else {
        return Ok(None);
    };
    let rows = sqlx::query(
        r#"SELECT name, type, "notnull" AND dflt_value IS NULL, pk > 0 FROM pragma_table_info($1)"#,
    )
    .bind(name)
    .fetch_all(transaction)
    .await?;
    let mut columns = Vec::new();
    let mut key = Vec::new();
    for row in rows {
        let column = FoundColumn {
            name: row.try_get(0)?,
            ty: row.try_get(1)?,
            is_required: row.try_get(2)?,
        };
        if row.try_get(3)? {
            key.push(column.name.clone());
        }
        columns.push(column);
    }
    Ok(Some(Found {
        not_a_table: match kind.as_str() {
            "table" => None,
            "view" => Some("a view"),
            _ => Some("an index or a trigger"),
        },
        columns,
        keys: vec![key],
    }))
}

/// Runs a statement that has no parameters.
async fn run(
    transaction: &mut SqliteConnection,
    statement: String,
    name: &str,
) -> Result<(), DestinationError> {
    transaction
        .execute(sqlx::raw_sql(AssertSqlSafe(statement)))
        .await
        .map(|_| ())
        .map_err(|error| DestinationError::of_sqlite(&error, name))
}
