//! What is kept: customers, connector configs, connections, pipelines, events, grants; on SQLite or on PostgreSQL, by
//! the same statements.
//!
//! Every statement is one text for both, with columns of text and whole numbers alone. Secrets are sealed before they
//! get here (`seal`) and opened by who needs them. Times are the database's own, so that sidecars whose clocks differ
//! agree on who holds a lease. Knows no provider and answers no caller.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Once},
    time::{Duration, Instant},
};

use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    Any, AnyPool, Connection as _, Executor as _, Row as _, Transaction,
    any::{AnyPoolOptions, AnyRow},
    migrate::{MigrateError, Migrator},
};
use tokio::sync::OnceCell;

mod budget;
mod change;
mod connection;
mod connector_config;
mod customer;
mod event;
mod grant;
mod health;
mod idempotency;
mod installation;
pub mod keys;
pub mod lease;
pub mod look;
mod pipeline;
mod seal;
mod webhook;

pub use budget::{BudgetAsk, BudgetChunk, BudgetLimit};
pub use change::ConnectionChanges;
pub use connection::{Connection, ConnectionChange, ConnectionFilter, NewConnection, Saved};
pub use connector_config::{ConnectorConfig, ConnectorConfigChange, ConnectorConfigInput};
pub use customer::Customer;
pub use event::{Event, EventFilter};
pub(crate) use grant::may_be_secret;
pub use grant::{Grant, GrantFault, GrantKind, GrantSecret, NewGrant, Redeemed};
pub use health::{Broken, Stamp};
pub use idempotency::{Attempt as KeyedAttempt, Claim, Purged};
pub use lease::Lease;
pub use pipeline::{
    NewPipeline, Pipeline, PipelineChange, SyncEnd, SyncNotes, SyncRequest, pipeline_lease,
};
pub use seal::{Place, SealError};
pub(crate) use webhook::webhook_lease;
pub use webhook::{
    Attempt, AttemptEnd, Delivery, DeliveryState, NewWebhook, Replayed, WEBHOOK_EVENTS, Webhook,
    WebhookChange,
};

use keys::{KeyError, KeyRing};

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");
/// Enough for the calls that look something up at one time; most are answered from memory.
const MOST_CONNECTIONS: u32 = 8;
/// Until a connection to the database is free or open.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long a writer of SQLite waits for another one.
const BUSY_MS: u32 = 10_000;
/// What each connection to SQLite keeps of the database in memory, where the system has it as well.
const CACHE_KIB: u32 = 128;
/// How long a start waits at most for a connection that was given back.
const SETTLED: Duration = Duration::from_millis(20);

/// Where the store is.
#[derive(Debug, Clone)]
pub enum Location {
    /// A file, made where it is missing; readable by its owner alone.
    Sqlite(PathBuf),
    /// `postgres://…`; may hold a password.
    Postgres(SecretString),
}

/// The store. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Store {
    pool: AnyPool,
    dialect: Dialect,
    keys: Arc<KeyRing>,
    /// What answers to writes with an idempotency key are sealed with, once it was asked for.
    answer_key: Arc<OnceCell<seal::Key>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// Why something could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "the store {path} cannot be made: {source}; set `state_dir` to a folder that can be written, or `store: none`"
    )]
    File { path: String, source: io::Error },
    #[error("the store cannot be reached: {0}")]
    Unreachable(sqlx::Error),
    #[error("the store's tables cannot be brought up to date: {0}")]
    Migration(MigrateError),
    #[error("{0}")]
    Key(#[from] KeyError),
    #[error("a secret in the store cannot be opened: {0}")]
    Seal(#[from] SealError),
    #[error("the store answers: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the store holds something that it should not: {0}")]
    Corrupt(String),
    /// A row that others depend on, or that is there already.
    #[error("{0}")]
    Conflict(String),
}

impl Store {
    /// Opens the store, makes it where it is missing, brings its tables up to date, and checks that the keys open what
    /// is sealed in it. Any number of processes may do so at one time.
    pub async fn open(location: &Location, keys: KeyRing) -> Result<Self, StoreError> {
        install_drivers();
        let (dialect, url, lock) = match location {
            Location::Sqlite(path) => {
                make_private(path).map_err(|source| StoreError::File {
                    path: path.display().to_string(),
                    source,
                })?;
                (
                    Dialect::Sqlite,
                    sqlite_url(path),
                    Some(lock_of(path).await?),
                )
            }
            Location::Postgres(url) => (Dialect::Postgres, url.expose_secret().to_owned(), None),
        };
        let pool = AnyPoolOptions::new()
            .max_connections(MOST_CONNECTIONS)
            .acquire_timeout(ACQUIRE)
            // SQLite is in this process: asked whether it is there, it would say so by a turn of its thread.
            .test_before_acquire(dialect == Dialect::Postgres)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if dialect == Dialect::Sqlite {
                        // A token that was answered is not to be lost with the machine's power, so every commit is synced.
                        let settings = format!(
                            "PRAGMA busy_timeout = {BUSY_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -{CACHE_KIB};"
                        );
                        connection.execute(sqlx::AssertSqlSafe(settings)).await?;
                    }
                    Ok(())
                })
            })
            // A full disk makes SQLite end a transaction by itself; the driver then never gets out of it.
            .before_acquire(|connection, _| {
                Box::pin(async move { Ok(!connection.is_in_transaction()) })
            })
            .connect(&url)
            .await
            .map_err(|error| StoreError::Unreachable(without_url(error, location)))?;
        let store = Self {
            pool,
            dialect,
            keys: Arc::new(keys),
            answer_key: Arc::default(),
        };
        store.settles().await;
        MIGRATIONS
            .run(&store.pool)
            .await
            .map_err(StoreError::Migration)?;
        drop(lock);
        store.settles().await;
        store.check_keys().await?;
        store.settles().await;
        Ok(store)
    }

    /// Returns when the connections that were given back are in the pool again. They are on their way for a moment; whoever
    /// asks in it has another one opened, and of SQLite each is a thread with a memory of its own.
    async fn settles(&self) {
        if self.dialect != Dialect::Sqlite {
            return;
        }
        let until = Instant::now() + SETTLED;
        while self.pool.num_idle() < self.pool.size() as usize && Instant::now() < until {
            tokio::task::yield_now().await;
        }
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.pool.execute("SELECT 1").await?;
        Ok(())
    }

    /// Closes its connections, once nobody uses them. On SQLite the last one puts what was written into the database's
    /// own file; what is left beside it the next start has to read from end to end.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A transaction that may write. On SQLite it has the right to write from its beginning: one that asks for it later
    /// may be refused.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        let begin = match self.dialect {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres => "BEGIN",
        };
        Ok(self.pool.begin_with(begin).await?)
    }

    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// The database's clock, in milliseconds since the epoch.
    pub async fn now(&self) -> Result<i64, StoreError> {
        let row = sqlx::query(self.dialect.select_now())
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// The same inside of a transaction.
    pub(crate) async fn now_in(
        &self,
        transaction: &mut Transaction<'static, Any>,
    ) -> Result<i64, StoreError> {
        let row = sqlx::query(self.dialect.select_now())
            .fetch_one(&mut **transaction)
            .await?;
        Ok(row.try_get(0)?)
    }
}

impl Dialect {
    fn select_now(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now",
            Self::Postgres => {
                "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now"
            }
        }
    }

    /// The texts of a JSON array, which is the first parameter.
    pub(crate) fn select_texts(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT value FROM json_each($1)",
            Self::Postgres => "SELECT json_array_elements_text(CAST($1 AS json))",
        }
    }

    /// What keeps others from changing the rows that a transaction reads in order to write them.
    pub(crate) fn for_update(self) -> &'static str {
        match self {
            // The whole database is held already.
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// What keeps others from removing the rows that a transaction refers to.
    pub(crate) fn for_key_share(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR KEY SHARE",
        }
    }
}

/// Makes the databases known to the driver for any of them, which may be done once.
fn install_drivers() {
    static DRIVERS: Once = Once::new();
    DRIVERS.call_once(sqlx::any::install_default_drivers);
}

/// Makes the file with no rights for others, before anything is in it. Its companions (`-wal`, `-shm`) get the same.
fn make_private(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        make_private_folder(folder)?;
    }
    private_file(path).map(drop)
}

/// A folder that nobody else may enter, where it does not exist yet.
pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Two processes that bring one file up to date at one time would each find it old; the second waits here. The lock
/// ends with the process, however that ends.
async fn lock_of(path: &Path) -> Result<File, StoreError> {
    let beside = path.with_extension("lock");
    let name = beside.display().to_string();
    let locked = tokio::task::spawn_blocking(move || {
        private_file(&beside).and_then(|file| file.lock().map(|()| file))
    });
    locked
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(|source| StoreError::File { path: name, source })
}

fn sqlite_url(path: &Path) -> String {
    let path = path.display().to_string();
    let path = percent_encoding::utf8_percent_encode(&path, percent_encoding::CONTROLS).to_string();
    // A question mark or a hash would end the path.
    let path = path.replace('?', "%3f").replace('#', "%23");
    format!("sqlite://{path}?mode=rwc")
}

/// A wrong URL is quoted by the driver's errors, with its password.
fn without_url(error: sqlx::Error, location: &Location) -> sqlx::Error {
    match (&error, location) {
        (sqlx::Error::Configuration(_), Location::Postgres(_)) => sqlx::Error::Configuration(
            "expected a URL as in postgres://user@host:5432/database".into(),
        ),
        _ => error,
    }
}

/// A column that is a flag.
pub(crate) fn flag(row: &AnyRow, column: &str) -> Result<bool, StoreError> {
    Ok(row.try_get::<i64, _>(column)? != 0)
}

/// A column that is JSON, where it is not null.
pub(crate) fn json<T: serde::de::DeserializeOwned>(
    row: &AnyRow,
    column: &str,
) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|error| StoreError::Corrupt(format!("{column}: {error}")))
}

/// What [`json`] reads.
pub(crate) fn json_text<T: serde::Serialize>(value: Option<&T>) -> Option<String> {
    value.map(|value| {
        serde_json::to_string(value).expect("JSON of the API is written as it was read")
    })
}

/// What becomes of metadata. Objects are merged, member by member and no deeper; anything else takes the place of what
/// is there, and null removes it.
pub(crate) fn merged_metadata(
    old: Option<&serde_json::Value>,
    new: Option<&serde_json::Value>,
) -> Option<serde_json::Value> {
    use serde_json::Value;
    match (new, old) {
        (None, old) => old.cloned(),
        (Some(Value::Null), _) => None,
        (Some(Value::Object(new)), Some(Value::Object(old))) => {
            let mut merged = old.clone();
            merged.extend(new.clone());
            Some(Value::Object(merged))
        }
        (Some(new), _) => Some(new.clone()),
    }
}

/// An id with the prefix of its kind. Ids sort by age.
pub fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::now_v7().simple())
}

/// A time of the store as the API shows it.
pub fn rfc3339(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds)
        .map(|time| format!("{time:.3}"))
        .unwrap_or_default()
}

/// Whether the database refused a row for being there already, or for what depends on it.
pub(crate) fn is_constraint(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.is_unique_violation() || error.is_foreign_key_violation())
}
