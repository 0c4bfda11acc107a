//! What PostgreSQL has of our schema and tables, and making what it lacks.

use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row as _};

use super::{DIALECT, Postgres, commit, failed, place};
use crate::destination::{
    Prepared,
    error::DestinationError,
    found::{self, Found, FoundColumn, KEY, STREAMS_KEY, Wanted},
    sql::{STREAMS, quoted},
    table::Table,
};

/// Any number that is the same in all runners: they make tables one after the other.
const PREPARING: i64 = 0x6372_6f73_7377;
/// `server_version_num` of PostgreSQL 12, the oldest that is tried for.
const OLDEST: i64 = 120_000;

impl Postgres {
    /// Makes the schema and the table of cursors.
    pub(super) async fn prepare_schema(&self) -> Result<(), DestinationError> {
        let mut transaction = self.begin().await?;
        lock(&mut transaction).await?;
        let row = sqlx::query(
            "SELECT current_setting('server_version_num')::bigint, current_setting('transaction_read_only') = 'on', \
             EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)",
        )
        .bind(&self.schema)
        .fetch_one(&mut *transaction)
        .await
        .map_err(|error| failed(&error))?;
        let get = |at: usize| row.try_get::<bool, _>(at).map_err(|error| failed(&error));
        let version: i64 = row.try_get(0).map_err(|error| failed(&error))?;
        if version < OLDEST {
            return Err(DestinationError::Settings {
                reason: format!(
                    "the server is PostgreSQL {}, expected 12 or later",
                    version / 10_000
                ),
            });
        }
        if get(1)? {
            return Err(DestinationError::ReadOnly {
                reason: "it takes no transaction that writes".to_owned(),
            });
        }
        // Not `IF NOT EXISTS`: that needs the right to make one also where it is there.
        if !get(2)? {
            run(
                &mut transaction,
                format!("CREATE SCHEMA {}", quoted(&self.schema)),
                &self.schema,
            )
            .await?;
        }
        self.ensure(
            &mut transaction,
            STREAMS,
            &found::wanted_of_streams(DIALECT),
            &STREAMS_KEY,
            DIALECT.create_streams(&self.streams),
        )
        .await?;
        commit(transaction).await
    }

    pub(super) async fn prepare_table(&self, table: &Table) -> Result<Prepared, DestinationError> {
        let mut transaction = self.begin().await?;
        lock(&mut transaction).await?;
        let prepared = self
            .ensure(
                &mut transaction,
                table.name(),
                &found::wanted_of(DIALECT, table),
                &KEY,
                DIALECT.create_table(&place(&self.schema, table.name()), table),
            )
            .await?;
        commit(transaction).await?;
        Ok(prepared)
    }

    async fn ensure(
        &self,
        transaction: &mut PgConnection,
        name: &str,
        wanted: &[Wanted<'_>],
        key: &[&str],
        create: String,
    ) -> Result<Prepared, DestinationError> {
        let Some(found) = self.find(transaction, name).await? else {
            run(transaction, create, name).await?;
            return Ok(Prepared {
                created: true,
                added: Vec::new(),
            });
        };
        let missing = found::missing(name, &found, wanted, key)?;
        for column in &missing {
            let statement =
                DIALECT.add_column(&place(&self.schema, name), column.name, column.kind);
            run(transaction, statement, name).await?;
        }
        Ok(found::prepared(&missing))
    }

    async fn find(
        &self,
        transaction: &mut PgConnection,
        name: &str,
    ) -> Result<Option<Found>, DestinationError> {
        let of_table =
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1";
        let read = async {
            let kind: Option<String> = sqlx::query_scalar(AssertSqlSafe(format!(
                "SELECT c.relkind::text {of_table} WHERE c.relname = $2"
            )))
            .bind(&self.schema)
            .bind(name)
            .fetch_optional(&mut *transaction)
            .await?;
            let Some(kind) = kind else {
                return Ok(None);
            };
            let columns = sqlx::query(AssertSqlSafe(format!(
                "SELECT a.attname::text, replace(format_type(a.atttypid, a.atttypmod), 'timestamp with time zone', \
                 'timestamptz'), a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' {of_table} JOIN pg_attribute a \
                 ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE c.relname = $2"
            )))
            .bind(&self.schema)
            .bind(name)
            .fetch_all(&mut *transaction)
            .await?
            .into_iter()
            .map(|row| {
                Ok(FoundColumn {
                    name: row.try_get(0)?,
                    ty: row.try_get(1)?,
                    is_required: row.try_get(2)?,
                })
            })
            .collect::<Result<_, sqlx::Error>>()?;
            let keys = sqlx::query_scalar(AssertSqlSafe(format!(
                "SELECT array_agg(a.attname::text) {of_table} JOIN pg_index i ON i.indrelid = c.oid AND i.indisunique \
                 AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL JOIN pg_attribute a ON \
                 a.attrelid = c.oid AND a.attnum = ANY (i.indkey) WHERE c.relname = $2 GROUP BY i.indexrelid"
            )))
            .bind(&self.schema)
            .bind(name)
            .fetch_all(&mut *transaction)
            .await?;
            Ok(Some(Found {
                not_a_table: not_a_table(&kind),
                columns,
                keys,
            }))
        };
        read.await.map_err(|error: sqlx::Error| failed(&error))
    }
}

fn not_a_table(kind: &str) -> Option<&'static str> {
    match kind {
        "r" | "p" => None,
        "v" => Some("a view"),
        "m" => Some("a materialized view"),
        "f" => Some("a foreign table"),
        "S" => Some("a sequence"),
        "i" | "I" => Some("an index"),
        _ => Some("a type"),
    }
}

async fn lock(transaction: &mut PgConnection) -> Result<(), DestinationError> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(PREPARING)
        .execute(transaction)
        .await
        .map(|_| ())
        .map_err(|error| failed(&error))
}

/// Runs a statement that has no parameters.
async fn run(
    transaction: &mut PgConnection,
    statement: String,
    name: &str,
) -> Result<(), DestinationError> {
    transaction
        .execute(sqlx::raw_sql(AssertSqlSafe(statement)))
        .await
        .map(|_| ())
        .map_err(|error| DestinationError::of_postgres(&error, name))
}
