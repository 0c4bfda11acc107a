//! What was changed of connections, so that whoever holds thousands of them in memory learns by one small question which
//! of them are old.

use sqlx::{Any, Row as _, Transaction};

use super::{Store, StoreError};

/// Changes that are kept. Who asks so seldom that he misses some takes all that he holds for old.
const KEPT: i64 = 10_000;

/// What was changed of connections after some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionChanges {
    /// The number of the newest change, which the next question begins with.
    pub newest: i64,
    /// The ids of connections; none where all of them may have changed.
    pub of: Option<Vec<String>>,
}

impl Store {
    /// What was changed after the change with a number, with all that was committed when this was asked.
    pub async fn connection_changes(&self, after: i64) -> Result<ConnectionChanges, StoreError> {
        let rows = sqlx::query(
            "SELECT number, connection_id FROM connection_changes WHERE number >= $1 ORDER BY number",
        )
        .bind(after)
        .fetch_all(self.pool())
        .await?;
        let changes = rows.iter().map(|row| {
            let id: Option<String> = row.try_get("connection_id")?;
            Ok((row.try_get("number")?, id))
        });
        let changes = changes.collect::<Result<Vec<(i64, _)>, StoreError>>()?;
        match changes.split_first() {
            // The one that is known shows that none is missing after it.
            Some(((first, _), rest)) if *first == after => Ok(ConnectionChanges {
                newest: rest.last().map_or(after, |(number, _)| *number),
                of: rest.iter().map(|(_, id)| id.clone()).collect(),
            }),
            _ => Ok(ConnectionChanges {
                newest: self.newest_connection_change().await?,
                of: None,
            }),
        }
    }

    /// The number of the newest change.
    pub async fn newest_connection_change(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT value FROM counters WHERE name = 'connection_change'")
            .fetch_one(self.pool())
            .await?;
        Ok(row.try_get("value")?)
    }

    /// Notes that a connection has changed, or that all have. After all else that a transaction does with connections:
    /// those who note wait for one another until they commit, so that who waits must hold nothing that they want.
    pub(super) async fn connection_changed_in(
        transaction: &mut Transaction<'static, Any>,
        id: Option<&str>,
    ) -> Result<(), StoreError> {
        let counted = sqlx::query(
            "UPDATE counters SET value = value + 1 WHERE name = 'connection_change' RETURNING value",
        )
        .fetch_one(&mut **transaction)
        .await?;
        let number: i64 = counted.try_get("value")?;
        sqlx::query("INSERT INTO connection_changes (number, connection_id) VALUES ($1, $2)")
            .bind(number)
            .bind(id)
            .execute(&mut **transaction)
            .await?;
        sqlx::query("DELETE FROM connection_changes WHERE number <= $1")
            .bind(number - KEPT)
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }
}
