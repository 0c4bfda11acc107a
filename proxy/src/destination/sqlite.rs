//! Records in a SQLite file.
//!
//! One connection: SQLite has one writer anyway. Every transaction takes the write lock as it begins, so that two
//! processes wait for each other instead of one failing in the middle.

use std::{collections::BTreeMap, path::Path, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, Sqlite as Database,
    SqliteConnection, SqlitePool, Transaction,
    query::Query,
    sqlite::{
        SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow,
        SqliteSynchronous,
    },
};

use tokio::time::Instant;

use super::{
    Applied, Finished, Page, Prepared, StreamKey, StreamState, WalkEnd,
    error::DestinationError,
    file,
    row::{Batch, Stored},
    sql::{self, Dialect, STREAMS, quoted},
    table::{Kind, Table},
    value::Exact,
};

mod schema;
#[cfg(test)]
mod tests;

const DIALECT: Dialect = Dialect::Sqlite;
const BEGIN: &str = "BEGIN IMMEDIATE";
/// How long another process's transaction is waited for.
const BUSY: Duration = Duration::from_secs(10);
/// Who begins or ends the write-ahead log, since he is the first to come or the last to go, has the file to himself for
/// a moment, and SQLite has others fail then, whatever they would wait. They try again after so long.
const TIDIED: Duration = Duration::from_millis(20);
/// How long other streams of this process are waited for.
const ACQUIRE: Duration = Duration::from_mins(1);
/// How many rows are marked in one transaction.
const MARKED_AT_ONCE: usize = 5_000;
/// Rows in one statement, by turns: few statement texts, which stay prepared, serve pages of every size.
const ROWS_AT_ONCE: [usize; 4] = [64, 16, 4, 1];
/// Of each row, besides the columns.
const PARAMETERS: usize = 7;
/// SQLite's own limit.
const MOST_PARAMETERS: usize = 32_766;

pub(super) struct Sqlite {
    pool: SqlitePool,
    streams: String,
}

impl Sqlite {
    pub(super) async fn open(folder: &Path, path: &str) -> Result<Self, DestinationError> {
        let options = SqliteConnectOptions::new()
            .filename(file::place(folder, path)?)
            .create_if_missing(false)
            // Readers of the user's do not stop the sync. A crash of the machine may lose the last pages, with their
            // cursors: they are read again.
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let until = Instant::now() + BUSY;
        let pool = loop {
            let opened = SqlitePoolOptions::new()
                .max_connections(1)
                .acquire_timeout(ACQUIRE)
                // A full disk makes SQLite end a transaction by itself; the driver then never gets out of it.
                .before_acquire(|connection, _| {
                    Box::pin(async move { Ok(!connection.is_in_transaction()) })
                })
                .connect_with(options.clone())
                .await
                .map_err(|error| failed(&error));
            match opened {
                Ok(pool) => break pool,
                Err(DestinationError::Busy { .. }) if Instant::now() < until => {
                    tokio::time::sleep(TIDIED).await;
                }
                Err(error) => return Err(error),
            }
        };
        let destination = Self {
            pool,
            streams: quoted(STREAMS),
        };
        destination.prepare_streams().await?;
        Ok(destination)
    }

    pub(super) async fn server_version(&self) -> Result<String, DestinationError> {
        let row = sqlx::query("SELECT sqlite_version()")
            .fetch_one(&self.pool)
            .await;
        let version: String = row
            .and_then(|row| row.try_get(0))
            .map_err(|error| failed(&error))?;
        Ok(format!("SQLite {version}"))
    }

    async fn begin(&self) -> Result<Transaction<'static, Database>, DestinationError> {
        self.pool
            .begin_with(BEGIN)
            .await
            .map_err(|error| match error {
                sqlx::Error::PoolTimedOut => DestinationError::Busy {
                    reason: "other streams are being written".to_owned(),
                },
                error => failed(&error),
            })
    }

    pub(super) async fn prepare(&self, table: &Table) -> Result<Prepared, DestinationError> {
        self.prepare_table(table).await
    }

    pub(super) async fn state(
        &self,
        key: &StreamKey,
    ) -> Result<Option<StreamState>, DestinationError> {
        let statement = DIALECT.select_state(&self.streams);
        let row = of_key(&statement, key)
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| failed(&error))?;
        row.map(|row| state(&row)).transpose()
    }

    pub(super) async fn claim(
        &self,
        key: &StreamKey,
        fence: i64,
    ) -> Result<StreamState, DestinationError> {
        let statement = DIALECT.claim(&self.streams);
        let mut transaction = self.begin().await?;
        let state = held(
            of_key(&statement, key).bind(fence),
            &mut transaction,
            STREAMS,
        )
        .await?;
        commit(transaction).await?;
        Ok(state)
    }

    pub(super) async fn begin_walk(
        &self,
        key: &StreamKey,
        table: &Table,
        fence: i64,
        cursor: Option<&str>,
    ) -> Result<StreamState, DestinationError> {
        let statement = DIALECT.begin_walk(&self.streams, &quoted(table.name()));
        let mut transaction = self.begin().await?;
        let query = of_key(&statement, key).bind(fence).bind(cursor);
        let state = held(query, &mut transaction, table.name()).await?;
        commit(transaction).await?;
        Ok(state)
    }

    pub(super) async fn apply(&self, page: Page<'_>) -> Result<Applied, DestinationError> {
        let batch = Batch::of(page.table, page.rows);
        let mut transaction = self.begin().await?;
        let (state, generation) = self
            .advance(
                &mut transaction,
                page.key,
                page.fence,
                page.cursor,
                page.rows.len(),
                1,
            )
            .await?;
        let mut written = 0;
        for rows in batch.rounds() {
            written += upsert(&mut transaction, &page, rows, generation)
                .await
                .map_err(|error| DestinationError::of_sqlite(&error, page.table.name()))?;
        }
        commit(transaction).await?;
        Ok(Applied {
            state,
            written,
            skipped: batch.skipped,
            warnings: batch.warnings(),
        })
    }

    async fn advance(
        &self,
        transaction: &mut SqliteConnection,
        key: &StreamKey,
        fence: i64,
        cursor: Option<&str>,
        records: usize,
        pages: i64,
    ) -> Result<(StreamState, i64), DestinationError> {
        let statement = DIALECT.advance(&self.streams);
        let query = of_key(&statement, key)
            .bind(fence)
            .bind(cursor)
            .bind(i64::try_from(records).unwrap_or(i64::MAX))
            .bind(pages);
        let row = query
            .fetch_optional(transaction)
            .await
            .map_err(|error| failed(&error))?
            .ok_or(DestinationError::Fenced)?;
        let newest = row.try_get(6).map_err(|error| failed(&error))?;
        Ok((state(&row)?, newest))
    }

    pub(super) async fn finish_walk(&self, end: WalkEnd<'_>) -> Result<Finished, DestinationError> {
        let mut deleted = 0;
        let mut after = String::new();
        loop {
            let (marked, last, state) = self.mark_some(&end, &after).await?;
            deleted += marked;
            match last {
                Some(last) => after = last,
                None => return Ok(Finished { state, deleted }),
            }
        }
    }

    /// How many rows were marked; the last id that was looked at, unless it was the end; the stream's state.
    async fn mark_some(
        &self,
        end: &WalkEnd<'_>,
        after: &str,
    ) -> Result<(u64, Option<String>, StreamState), DestinationError> {
        let place = quoted(end.table.name());
        let table_failed =
            |error: sqlx::Error| DestinationError::of_sqlite(&error, end.table.name());
        let hold = DIALECT.hold(&self.streams);
        let mut transaction = self.begin().await?;
        let query = of_key(&hold, end.key).bind(end.fence);
        let mut state = held(query, &mut transaction, STREAMS).await?;
        let generation = state.generation;
        let ids: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql::unseen(&place)))
            .bind(&end.key.connection_id)
            .bind(generation)
            .bind(after)
            .bind(i64::try_from(MARKED_AT_ONCE).unwrap_or(i64::MAX))
            .fetch_all(&mut *transaction)
            .await
            .map_err(table_failed)?;
        let ids_json = serde_json::to_string(&ids)
            .map_err(|error| DestinationError::other(error.to_string()))?;
        let marked = sqlx::query(AssertSqlSafe(DIALECT.mark_deleted(&place)))
            .bind(&end.key.connection_id)
            .bind(generation)
            .bind(ids_json)
            .execute(&mut *transaction)
            .await
            .map_err(table_failed)?
            .rows_affected();
        let last = ids.last().filter(|_| ids.len() == MARKED_AT_ONCE).cloned();
        if last.is_none() {
            (state, _) = self
                .advance(&mut transaction, end.key, end.fence, end.cursor, 0, 0)
                .await?;
        }
        commit(transaction).await?;
        Ok((marked, last, state))
    }

    pub(super) async fn forget(&self, pipeline: &str) -> Result<(), DestinationError> {
        let mut transaction = self.begin().await?;
        sqlx::query(AssertSqlSafe(sql::forget(&self.streams)))
            .bind(pipeline)
            .execute(&mut *transaction)
            .await
            .map_err(|error| failed(&error))?;
        commit(transaction).await
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

async fn upsert(
    transaction: &mut SqliteConnection,
    page: &Page<'_>,
    rows: &BTreeMap<String, Stored>,
    generation: i64,
) -> Result<u64, sqlx::Error> {
    let place = quoted(page.table.name());
    let most = MOST_PARAMETERS / (page.table.columns().len() + PARAMETERS);
    let rows: Vec<(&String, &Stored)> = rows.iter().collect();
    let mut rows = rows.as_slice();
    let mut written = 0;
    for count in ROWS_AT_ONCE.into_iter().filter(|count| *count <= most) {
        let statement = DIALECT.upsert(&place, page.table, count);
        while let Some((some, rest)) = rows.split_at_checked(count) {
            let mut query = sqlx::query(AssertSqlSafe(statement.as_str()));
            for (id, row) in some {
                query = query.bind(id.as_str());
                for (cell, column) in row.cells.iter().zip(page.table.columns()) {
                    query = bind(query, column.kind, cell.as_deref());
                }
                query = query
                    .bind(row.raw.as_deref())
                    .bind(&page.key.connection_id)
                    .bind(page.customer_id)
                    .bind(row.is_deleted)
                    .bind(row.is_deleted)
                    .bind(generation);
            }
            written += query.execute(&mut *transaction).await?.rows_affected();
            rows = rest;
        }
    }
    Ok(written)
}

fn bind<'q>(
    query: Query<'q, Database, SqliteArguments>,
    kind: Kind,
    cell: Option<&str>,
) -> Query<'q, Database, SqliteArguments> {
    match (kind, cell) {
        (_, None) => query.bind(None::<i64>),
        (Kind::Integer, Some(text)) => query.bind(text.parse::<i64>().ok()),
        (Kind::Boolean, Some(text)) => query.bind(text == "true"),
        (Kind::Number, Some(text)) => match Exact::of(text) {
            Exact::Integer(integer) => query.bind(integer),
            Exact::Real(real) => query.bind(real),
            Exact::Text => query.bind(text.to_owned()),
        },
        (Kind::Text | Kind::Timestamp | Kind::Date | Kind::Json, Some(text)) => {
            query.bind(text.to_owned())
        }
    }
}

/// A statement whose first parameters are the stream.
fn of_key<'q>(statement: &str, key: &StreamKey) -> Query<'q, Database, SqliteArguments> {
    sqlx::query(AssertSqlSafe(statement))
        .bind(key.pipeline.clone())
        .bind(key.stream.clone())
        .bind(key.connection_id.clone())
}

/// The state of a stream, or that this runner does not have it.
async fn held(
    query: Query<'_, Database, SqliteArguments>,
    transaction: &mut SqliteConnection,
    table: &str,
) -> Result<StreamState, DestinationError> {
    let row = query
        .fetch_optional(transaction)
        .await
        .map_err(|error| DestinationError::of_sqlite(&error, table))?;
    state(&row.ok_or(DestinationError::Fenced)?)
}

fn failed(error: &sqlx::Error) -> DestinationError {
    DestinationError::of_sqlite(error, STREAMS)
}

fn state(row: &SqliteRow) -> Result<StreamState, DestinationError> {
    let read = || {
        Ok(StreamState {
            cursor: row.try_get(0)?,
            generation: row.try_get(1)?,
            fence: row.try_get(2)?,
            records: row.try_get(3)?,
            pages: row.try_get(4)?,
            updated_at: row.try_get(5)?,
        })
    };
    read().map_err(|error: sqlx::Error| failed(&error))
}

async fn commit(transaction: Transaction<'_, Database>) -> Result<(), DestinationError> {
    transaction.commit().await.map_err(|error| failed(&error))
}
