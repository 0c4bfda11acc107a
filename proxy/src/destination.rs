//! Unified records in a database of the user's own: PostgreSQL or SQLite.
//!
//! One table for each entity, shared by all connections, with `(_connection_id, id)` as its key, a column for each
//! unified field, the native record in `raw_data`, and what this module has to say of each row:
//!
//! | column | meaning |
//! | --- | --- |
//! | `_connection_id`, `_customer_id` | whose record it is |
//! | `_deleted`, `_deleted_at` | the record is gone at the provider, and since when that is known; rows are never removed |
//! | `_synced_at` | when a sync last changed what the row says |
//! | `_generation` | the number of the last walk over all records that saw it |
//!
//! A page's rows and its cursor are one transaction: after any failure the destination has all of a page or nothing.
//! The cursors are in `_crosswalk_streams` in the same database, with the *fence*, the number of the runner's lease; a
//! runner with an older one is refused. Pages are written in the order in which one runner gives them, so an older
//! version of a record never overwrites a newer one, and applying a page twice is the same as once.
//!
//! It knows no provider and no HTTP. It never drops or retypes anything, and never makes a sync fail for the sake of a
//! value: what a column cannot hold becomes NULL with a [`Warning`], the native record still has it.

use std::{fmt, path::PathBuf, sync::Arc};

use secrecy::SecretString;

mod clean;
mod error;
mod file;
mod found;
mod postgres;
mod row;
mod sql;
mod sqlite;
mod table;
mod url;
mod value;

pub use error::DestinationError;
pub use row::{NotARecord, Row, Warning};
pub use table::{Column, Kind, Table};
pub use value::Problem;

use postgres::Postgres;
use sqlite::Sqlite;

/// Which database.
#[derive(Debug, Clone)]
pub enum Settings {
    Postgres {
        /// As in `postgres://user:password@host:5432/database?sslmode=require`.
        url: SecretString,
        /// `public` unless given; made where it is missing.
        schema: Option<String>,
    },
    Sqlite {
        /// The folder that all SQLite destinations are in. It must exist.
        folder: PathBuf,
        /// The file, as a path below the folder.
        path: String,
    },
}

/// A database to keep records in. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Destination(Arc<Backend>);

enum Backend {
    Postgres(Box<Postgres>),
    Sqlite(Sqlite),
}

/// Which stream of records: the cursor belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StreamKey {
    pub pipeline: String,
    /// By its name, streams of several pipelines into one table know of each other: the same name, the same table.
    pub stream: String,
    pub connection_id: String,
}

/// How far a stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamState {
    /// The runner's own text; `None` before the first page.
    pub cursor: Option<String>,
    /// The walk over all records that is under way or was last; 0 before the first.
    pub generation: i64,
    pub fence: i64,
    /// Records that pages have had since the stream exists.
    pub records: i64,
    pub pages: i64,
    /// By the database's clock, RFC 3339.
    pub updated_at: String,
}

/// What [`Destination::prepare`] did to a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prepared {
    pub created: bool,
    /// Columns that were added to a table that was there; NULL in rows until these are read again.
    pub added: Vec<String>,
}

/// A page of records, and where the stream is after it.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    pub key: &'a StreamKey,
    pub table: &'a Table,
    pub customer_id: &'a str,
    pub fence: i64,
    /// Two with the same id are as if they came one after the other.
    pub rows: &'a [Row],
    pub cursor: Option<&'a str>,
}

/// What became of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    pub state: StreamState,
    /// Rows that were new, differed, or were seen for the first time in this walk.
    pub written: u64,
    /// Records without a usable id.
    pub skipped: u64,
    pub warnings: Vec<Warning>,
}

/// A walk over all records has ended.
#[derive(Debug, Clone, Copy)]
pub struct WalkEnd<'a> {
    pub key: &'a StreamKey,
    pub table: &'a Table,
    pub fence: i64,
    pub cursor: Option<&'a str>,
}

/// What became of the end of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    pub state: StreamState,
    /// Rows that were marked by this call.
    pub deleted: u64,
}

macro_rules! either {
    ($self:ident, $backend:ident => $call:expr) => {
        match &*$self.0 {
            Backend::Postgres($backend) => $call.await,
            Backend::Sqlite($backend) => $call.await,
        }
    };
}

impl Destination {
    /// Connects, and checks that records can be written: a connection's settings are good if this succeeds. A SQLite
    /// file and a schema that are missing are made, and the table of cursors.
    pub async fn open(settings: &Settings) -> Result<Self, DestinationError> {
        let backend = match settings {
            Settings::Postgres { url, schema } => {
                Backend::Postgres(Box::new(Postgres::open(url, schema.as_deref()).await?))
            }
            Settings::Sqlite { folder, path } => Backend::Sqlite(Sqlite::open(folder, path).await?),
        };
        Ok(Self(Arc::new(backend)))
    }

    /// Which database it is and of which version, for people: `PostgreSQL 16.4`.
    pub async fn server_version(&self) -> Result<String, DestinationError> {
        either!(self, backend => backend.server_version())
    }

    /// Makes the table, or adds the columns that it lacks. A table of that name that is not ours is an error.
    pub async fn prepare(&self, table: &Table) -> Result<Prepared, DestinationError> {
        either!(self, backend => backend.prepare(table))
    }

    /// Where a stream is, for who only wants to know.
    pub async fn state(&self, key: &StreamKey) -> Result<Option<StreamState>, DestinationError> {
        either!(self, backend => backend.state(key))
    }

    /// Takes a stream over: from now on every runner with an older fence is refused. A runner does this before
    /// anything else, and whenever it cannot know whether its last page was committed.
    pub async fn claim(
        &self,
        key: &StreamKey,
        fence: i64,
    ) -> Result<StreamState, DestinationError> {
        either!(self, backend => backend.claim(key, fence))
    }

    /// Begins a walk over all records, with the cursor that it starts from. Rows that pages write from now on have the
    /// new generation.
    pub async fn begin_walk(
        &self,
        key: &StreamKey,
        table: &Table,
        fence: i64,
        cursor: Option<&str>,
    ) -> Result<StreamState, DestinationError> {
        either!(self, backend => backend.begin_walk(key, table, fence, cursor))
    }

    /// Writes a page and the cursor behind it, both or neither.
    pub async fn apply(&self, page: Page<'_>) -> Result<Applied, DestinationError> {
        either!(self, backend => backend.apply(page))
    }

    /// Marks what the walk has not seen as deleted, in several transactions if it is much; the last has the cursor. If
    /// it is interrupted the cursor is still the one before, and it is called again.
    pub async fn finish_walk(&self, end: WalkEnd<'_>) -> Result<Finished, DestinationError> {
        either!(self, backend => backend.finish_walk(end))
    }

    /// Forgets the cursors of a pipeline that is no more. Its rows stay; a runner that still writes is refused.
    pub async fn forget(&self, pipeline: &str) -> Result<(), DestinationError> {
        either!(self, backend => backend.forget(pipeline))
    }

    /// Closes all connections, and waits for it.
    pub async fn close(&self) {
        either!(self, backend => backend.close());
    }
}

/// Shows which kind of database it is; where and with what it is connected is not for logs.
impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.0 {
            Backend::Postgres(_) => "Destination(postgres)",
            Backend::Sqlite(_) => "Destination(sqlite)",
        })
    }
}
