//! Records in PostgreSQL.
//!
//! Each transaction sets its own limits in the same round trip in which it begins, so that a pooler that shares
//! sessions among clients passes none of them on.

use std::{collections::BTreeMap, time::Duration};

use secrecy::SecretString;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection, PgConnection, PgPool, Postgres as Database,
    Row as _, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions, PgRow},
};
use tokio::time::timeout;

use super::{
    Applied, Finished, Page, Prepared, StreamKey, StreamState, WalkEnd,
    error::DestinationError,
    row::{Batch, Stored},
    sql::{self, Dialect, STREAMS, quoted},
    table::{Table, check_schema},
    url::{self, Address},
};

mod schema;

const DIALECT: Dialect = Dialect::Postgres;
const DEFAULT_SCHEMA: &str = "public";
/// Streams are written one after the other; a user's database has few connections to give.
const CONNECTIONS: u32 = 4;
const IDLE: Duration = Duration::from_mins(1);
/// How long a connection is waited for before it is found out whether there can be one.
const PATIENCE: Duration = Duration::from_millis(500);
/// A connection that has rested for longer is tried before it is used.
const FRESH: Duration = Duration::from_secs(1);
/// Locks are given up well before statements are: whoever holds one is told of as such.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = '60s'; SET LOCAL lock_timeout = \
                     '5s'; SET LOCAL idle_in_transaction_session_timeout = '60s'";
/// How long a whole call may take; the network can be gone in ways that no server's timeout tells.
const LONGEST: Duration = Duration::from_mins(2);
/// How many rows are marked in one transaction.
const MARKED_AT_ONCE: usize = 5_000;
/// How much text is sent in one statement; the server's limit for a value is 1 GB, and its memory is not ours.
const BYTES_AT_ONCE: usize = 8 << 20;

pub(super) struct Postgres {
    pool: PgPool,
    options: PgConnectOptions,
    connect_timeout: Duration,
    schema: String,
    streams: String,
}

impl Postgres {
    pub(super) async fn open(
        url: &SecretString,
        schema: Option<&str>,
    ) -> Result<Self, DestinationError> {
        let schema = schema.unwrap_or(DEFAULT_SCHEMA);
        check_schema(schema)?;
        let Address {
            options,
            connect_timeout,
        } = url::read(url)?;
        let options = options.disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .idle_timeout(IDLE)
            .acquire_timeout(connect_timeout)
            .test_before_acquire(false)
            .before_acquire(|connection, used| {
                // One that was in use just now costs no round trip for being asked.
                Box::pin(
                    async move { Ok(used.idle_for < FRESH || connection.ping().await.is_ok()) },
                )
            })
            .connect_lazy_with(options.clone());
        let destination = Self {
            pool,
            options,
            connect_timeout,
            streams: place(schema, STREAMS),
            schema: schema.to_owned(),
        };
        bounded(destination.prepare_schema()).await?;
        Ok(destination)
    }

    pub(super) async fn server_version(&self) -> Result<String, DestinationError> {
        let row = sqlx::query("SHOW server_version")
            .fetch_one(&self.pool)
            .await;
        let version: String = row
            .and_then(|row| row.try_get(0))
            .map_err(|error| failed(&error))?;
        Ok(format!("PostgreSQL {version}"))
    }

    async fn connect(&self) -> Result<PgConnection, DestinationError> {
        let connect = PgConnection::connect_with(&self.options);
        match timeout(self.connect_timeout, connect).await {
            Ok(connected) => connected.map_err(|error| failed(&error)),
            Err(_) => Err(DestinationError::Unreachable {
                reason: format!("no connection within {} s", self.connect_timeout.as_secs()),
            }),
        }
    }

    async fn begin(&self) -> Result<Transaction<'static, Database>, DestinationError> {
        // After the server was restarted each connection that was kept fails once. Nothing has been done yet.
        let mut kept = CONNECTIONS;
        loop {
            match self.try_begin().await? {
                Err(DestinationError::Unreachable { .. }) if kept > 0 => kept -= 1,
                begun => return begun,
            }
        }
    }

    /// What the pool says, unless nobody can connect.
    async fn try_begin(
        &self,
    ) -> Result<Result<Transaction<'static, Database>, DestinationError>, DestinationError> {
        let mut begun = Box::pin(self.pool.begin_with(BEGIN));
        let begun = if let Ok(begun) = timeout(PATIENCE, &mut begun).await {
            begun
        } else {
            // The pool would try until its timeout to connect to who refuses, and then not tell why.
            Box::pin(self.connect()).await?.close().await.ok();
            begun.await
        };
        Ok(begun.map_err(|error| match error {
            sqlx::Error::PoolTimedOut => DestinationError::Busy {
                reason: "all connections to it are in use".to_owned(),
            },
            error => failed(&error),
        }))
    }

    pub(super) async fn prepare(&self, table: &Table) -> Result<Prepared, DestinationError> {
        bounded(self.prepare_table(table)).await
    }

    pub(super) async fn state(
        &self,
        key: &StreamKey,
    ) -> Result<Option<StreamState>, DestinationError> {
        bounded(async {
            let mut transaction = self.begin().await?;
            let row = sqlx::query(AssertSqlSafe(DIALECT.select_state(&self.streams)))
                .bind(&key.pipeline)
                .bind(&key.stream)
                .bind(&key.connection_id)
                .fetch_optional(&mut *transaction)
                .await
                .map_err(|error| failed(&error))?;
            row.map(|row| state(&row)).transpose()
        })
        .await
    }

    pub(super) async fn claim(
        &self,
        key: &StreamKey,
        fence: i64,
    ) -> Result<StreamState, DestinationError> {
        bounded(async {
            let mut transaction = self.begin().await?;
            let row = sqlx::query(AssertSqlSafe(DIALECT.claim(&self.streams)))
                .bind(&key.pipeline)
                .bind(&key.stream)
                .bind(&key.connection_id)
                .bind(fence)
                .fetch_optional(&mut *transaction)
                .await
                .map_err(|error| failed(&error))?;
            let state = held(row)?;
            commit(transaction).await?;
            Ok(state)
        })
        .await
    }

    pub(super) async fn begin_walk(
        &self,
        key: &StreamKey,
        table: &Table,
        fence: i64,
        cursor: Option<&str>,
    ) -> Result<StreamState, DestinationError> {
        let statement = DIALECT.begin_walk(&self.streams, &place(&self.schema, table.name()));
        bounded(async {
            let mut transaction = self.begin().await?;
            let row = sqlx::query(AssertSqlSafe(statement))
                .bind(&key.pipeline)
                .bind(&key.stream)
                .bind(&key.connection_id)
                .bind(fence)
                .bind(cursor)
                .fetch_optional(&mut *transaction)
                .await
                .map_err(|error| DestinationError::of_postgres(&error, table.name()))?;
            let state = held(row)?;
            commit(transaction).await?;
            Ok(state)
        })
        .await
    }

    pub(super) async fn apply(&self, page: Page<'_>) -> Result<Applied, DestinationError> {
        let batch = Batch::of(page.table, page.rows);
        bounded(async {
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
                written += self
                    .upsert(&mut transaction, &page, rows, generation)
                    .await?;
            }
            commit(transaction).await?;
            Ok(Applied {
                state,
                written,
                skipped: batch.skipped,
                warnings: batch.warnings(),
            })
        })
        .await
    }

    async fn advance(
        &self,
        transaction: &mut PgConnection,
        key: &StreamKey,
        fence: i64,
        cursor: Option<&str>,
        records: usize,
        pages: i64,
    ) -> Result<(StreamState, i64), DestinationError> {
        let row = sqlx::query(AssertSqlSafe(DIALECT.advance(&self.streams)))
            .bind(&key.pipeline)
            .bind(&key.stream)
            .bind(&key.connection_id)
            .bind(fence)
            .bind(cursor)
            .bind(i64::try_from(records).unwrap_or(i64::MAX))
            .bind(pages)
            .fetch_optional(transaction)
            .await
            .map_err(|error| failed(&error))?
            .ok_or(DestinationError::Fenced)?;
        let newest: i64 = row.try_get(6).map_err(|error| failed(&error))?;
        let state = state(&row)?;
        Ok((state.clone(), state.generation.max(newest)))
    }

    async fn upsert(
        &self,
        transaction: &mut PgConnection,
        page: &Page<'_>,
        rows: &BTreeMap<String, Stored>,
        generation: i64,
    ) -> Result<u64, DestinationError> {
        let table = page.table;
        let place = place(&self.schema, table.name());
        let mut rows = rows.iter().peekable();
        let mut written = 0;
        while rows.peek().is_some() {
            let mut some: Vec<(&String, &Stored)> = Vec::new();
            let mut bytes = 0;
            while let Some(row) = rows.next_if(|_| bytes < BYTES_AT_ONCE) {
                bytes += size(row.1);
                some.push(row);
            }
            let ids: Vec<&str> = some.iter().map(|(id, _)| id.as_str()).collect();
            let raw: Vec<Option<&str>> = some.iter().map(|(_, row)| row.raw.as_deref()).collect();
            let deleted: Vec<bool> = some.iter().map(|(_, row)| row.is_deleted).collect();
            let mut query = sqlx::query(AssertSqlSafe(DIALECT.upsert(&place, table, some.len())))
                .bind(&page.key.connection_id)
                .bind(page.customer_id)
                .bind(generation)
                .bind(ids);
            for at in 0..table.columns().len() {
                let cells: Vec<Option<&str>> = some
                    .iter()
                    .map(|(_, row)| row.cells[at].as_deref())
                    .collect();
                query = query.bind(cells);
            }
            let done = query
                .bind(raw)
                .bind(deleted)
                .execute(&mut *transaction)
                .await
                .map_err(|error| DestinationError::of_postgres(&error, table.name()))?;
            written += done.rows_affected();
        }
        Ok(written)
    }

    pub(super) async fn finish_walk(&self, end: WalkEnd<'_>) -> Result<Finished, DestinationError> {
        let mut deleted = 0;
        let mut after = String::new();
        loop {
            let (marked, last, state) = bounded(self.mark_some(&end, &after)).await?;
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
        let place = place(&self.schema, end.table.name());
        let table_failed =
            |error: sqlx::Error| DestinationError::of_postgres(&error, end.table.name());
        let key = end.key;
        let mut transaction = self.begin().await?;
        let row = sqlx::query(AssertSqlSafe(DIALECT.hold(&self.streams)))
            .bind(&key.pipeline)
            .bind(&key.stream)
            .bind(&key.connection_id)
            .bind(end.fence)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(|error| failed(&error))?;
        let mut state = held(row)?;
        let generation = state.generation;
        let ids: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql::unseen(&place)))
            .bind(&key.connection_id)
            .bind(generation)
            .bind(after)
            .bind(i64::try_from(MARKED_AT_ONCE).unwrap_or(i64::MAX))
            .fetch_all(&mut *transaction)
            .await
            .map_err(table_failed)?;
        let rows = if ids.is_empty() {
            0
        } else {
            sqlx::query(AssertSqlSafe(DIALECT.mark_deleted(&place)))
                .bind(&key.connection_id)
                .bind(generation)
                .bind(&ids)
                .execute(&mut *transaction)
                .await
                .map_err(table_failed)?
                .rows_affected()
        };
        let last = ids.last().filter(|_| ids.len() == MARKED_AT_ONCE).cloned();
        if last.is_none() {
            (state, _) = self
                .advance(&mut transaction, key, end.fence, end.cursor, 0, 0)
                .await?;
        }
        commit(transaction).await?;
        Ok((rows, last, state))
    }

    pub(super) async fn forget(&self, pipeline: &str) -> Result<(), DestinationError> {
        bounded(async {
            let mut transaction = self.begin().await?;
            sqlx::query(AssertSqlSafe(sql::forget(&self.streams)))
                .bind(pipeline)
                .execute(&mut *transaction)
                .await
                .map_err(|error| failed(&error))?;
            commit(transaction).await
        })
        .await
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// A table's full name.
fn place(schema: &str, table: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(table))
}

fn size(row: &Stored) -> usize {
    let cells: usize = row.cells.iter().flatten().map(String::len).sum();
    cells + row.raw.as_ref().map_or(0, String::len)
}

fn failed(error: &sqlx::Error) -> DestinationError {
    DestinationError::of_postgres(error, STREAMS)
}

/// The state of a stream, or that this runner does not have it.
fn held(row: Option<PgRow>) -> Result<StreamState, DestinationError> {
    state(&row.ok_or(DestinationError::Fenced)?)
}

fn state(row: &PgRow) -> Result<StreamState, DestinationError> {
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

async fn bounded<T>(
    call: impl Future<Output = Result<T, DestinationError>>,
) -> Result<T, DestinationError> {
    timeout(LONGEST, Box::pin(call)).await.unwrap_or_else(|_| {
        Err(DestinationError::Unreachable {
            reason: format!("no answer within {} s", LONGEST.as_secs()),
        })
    })
}
