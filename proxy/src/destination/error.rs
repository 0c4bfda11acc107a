//! What can go wrong with a destination, in words for the person whose database it is.
//!
//! No error keeps the database's own error as its source: in `Debug` that shows the values of a row, and in a chain it
//! could show what was connected to with what. Its message and code are kept.

use std::borrow::Cow;

/// Why a destination could not be used. [`Self::may_pass`] says whether trying again later makes sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// The settings cannot be right, whatever the database does.
    #[error("the destination's settings are wrong: {reason}")]
    Settings { reason: String },
    #[error("the destination cannot be reached: {reason}")]
    Unreachable { reason: String },
    #[error("the destination refuses the user or password: {reason}")]
    Authentication { reason: String },
    #[error(
        "the destination does not let the user do this: {reason}; grant it, or choose another user or schema"
    )]
    Permission { reason: String },
    #[error(
        "the destination is read-only: {reason}; connect to the primary server as a user that may write"
    )]
    ReadOnly { reason: String },
    #[error("the destination is full: {reason}; make room, and the sync goes on where it was")]
    Full { reason: String },
    /// Others hold what is needed for longer than is waited.
    #[error("the destination is busy: {reason}")]
    Busy { reason: String },
    /// There is something of the table's name that is not the table, or no longer.
    #[error(
        "`{table}` is in the way: {problem}; rename or drop it, or choose another schema or database"
    )]
    TableInTheWay { table: String, problem: String },
    /// Another runner has the stream; this one must stop. Nothing was written.
    #[error("another runner has taken over this stream")]
    Fenced,
    #[error("the destination failed: {reason}")]
    Other { reason: String },
}

impl DestinationError {
    /// Whether the same call may succeed later without anybody changing settings or tables.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::ReadOnly { .. }
            | Self::Full { .. }
            | Self::Busy { .. } => true,
            Self::Settings { .. }
            | Self::Authentication { .. }
            | Self::Permission { .. }
            | Self::TableInTheWay { .. }
            | Self::Fenced
            | Self::Other { .. } => false,
        }
    }

    pub(super) fn other(reason: impl Into<String>) -> Self {
        Self::Other {
            reason: reason.into(),
        }
    }

    /// An error of PostgreSQL's, by its `SQLSTATE`.
    pub(super) fn of_postgres(error: &sqlx::Error, table: &str) -> Self {
        let sqlx::Error::Database(database) = error else {
            return Self::of_connection(error);
        };
        let reason = database.message().to_owned();
        match database.code().unwrap_or(Cow::Borrowed("")).as_ref() {
            "28000" | "28P01" => Self::Authentication { reason },
            // The database or the schema isn't there.
            "3D000" | "3F000" => Self::Settings { reason },
            "42501" => Self::Permission { reason },
            "25006" => Self::ReadOnly { reason },
            // Disk full, or a limit that an administrator set.
            "53100" | "53400" => Self::Full { reason },
            // Lock not available, statement timeout, serialisation failure, deadlock, idle in transaction.
            "55P03" | "57014" | "40001" | "40P01" | "25P03" => Self::Busy { reason },
            // Shutting down, crashed, starting up, too many connections, out of memory.
            "57P01" | "57P02" | "57P03" | "53300" | "53200" => Self::Unreachable { reason },
            code if code.starts_with("08") => Self::Unreachable { reason },
            // Constraints that are not ours, tables and columns that were there when they were prepared.
            code if code.starts_with("23") => Self::in_the_way(table, reason),
            "42P01" | "42703" | "42P10" | "42804" => Self::in_the_way(table, reason),
            code => Self::other(format!("{reason} ({code})")),
        }
    }

    /// An error of SQLite's, by its result code.
    pub(super) fn of_sqlite(error: &sqlx::Error, table: &str) -> Self {
        let sqlx::Error::Database(database) = error else {
            return Self::of_connection(error);
        };
        let reason = database.message().to_owned();
        // The low byte is the kind of error, the rest says more of it.
        let code = database
            .code()
            .and_then(|code| code.parse::<i32>().ok())
            .unwrap_or(1);
        match code & 0xff {
            3 | 23 => Self::Permission { reason },
            5 | 6 => Self::Busy { reason },
            8 => Self::ReadOnly { reason },
            13 => Self::Full { reason },
            // Input or output failed, or the file cannot be opened.
            10 | 14 => Self::Unreachable { reason },
            11 | 26 => Self::Settings {
                reason: format!("the file is damaged or no SQLite database ({reason})"),
            },
            19 => Self::in_the_way(table, reason),
            1 if [
                "no such table",
                "no such column",
                "has no column",
                "ON CONFLICT clause",
            ]
            .iter()
            .any(|words| reason.contains(words)) =>
            {
                Self::in_the_way(table, reason)
            }
            code => Self::other(format!("{reason} (code {code})")),
        }
    }

    fn in_the_way(table: &str, problem: String) -> Self {
        Self::TableInTheWay {
            table: table.to_owned(),
            problem,
        }
    }

    fn of_connection(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(error) => Self::Unreachable {
                reason: error.to_string(),
            },
            sqlx::Error::Tls(error) => Self::Unreachable {
                reason: format!("no secure connection: {error}"),
            },
            sqlx::Error::PoolTimedOut => Self::Unreachable {
                reason: "no connection in time".to_owned(),
            },
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::BeginFailed => {
                Self::Unreachable {
                    reason: "the connection is closed".to_owned(),
                }
            }
            // What is read from a socket that is no database, or one that was cut off.
            sqlx::Error::Protocol(_) => Self::Unreachable {
                reason: "what answers does not speak the protocol of the database".to_owned(),
            },
            // Their text is about a setting or a value, which could be anything.
            sqlx::Error::Configuration(_) => Self::Settings {
                reason: "they are not understood".to_owned(),
            },
            _ => Self::other("the database answered something unexpected"),
        }
    }
}
