//! Leases: who of several sidecars does what only one may do.
//!
//! A lease ends by itself, so that a holder that died does not block the others. One that is only slow may go on after
//! its end: its *fence*, a number that grows with every new holder, tells it from the next, and what it writes is
//! guarded by that number.

use std::time::Duration;

use sqlx::Row as _;

use super::{Store, StoreError};

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub name: String,
    pub holder: String,
    /// Greater than that of every holder before.
    pub fence: i64,
}

impl Store {
    /// Takes a lease that is free or has ended; none where somebody holds it. Taking what one holds already makes it
    /// last longer, with the fence that it has.
    pub async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        lasts: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        let lasts = i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
        let mut transaction = self.begin().await?;
        let now = self.now_in(&mut transaction).await?;
        let row = sqlx::query(
            "INSERT INTO leases (name, holder, fence, expires_at) VALUES ($1, $2, 1, $3)
             ON CONFLICT (name) DO UPDATE SET
                 fence = CASE WHEN leases.holder = excluded.holder THEN leases.fence ELSE leases.fence + 1 END,
                 holder = excluded.holder,
                 expires_at = excluded.expires_at
             WHERE leases.holder = excluded.holder OR leases.expires_at <= $4
             RETURNING fence",
        )
        .bind(name)
        .bind(holder)
        .bind(now.saturating_add(lasts))
        .bind(now)
        .fetch_optional(&mut *transaction)
        .await?;
        transaction.commit().await?;
        let Some(row) = row else {
            return Ok(None);
        };
        Ok(Some(Lease {
            name: name.to_owned(),
            holder: holder.to_owned(),
            fence: row.try_get("fence")?,
        }))
    }

    /// Makes a lease last longer; false where somebody else has taken it meanwhile.
    pub async fn keep_lease(&self, lease: &Lease, lasts: Duration) -> Result<bool, StoreError> {
        let lasts = i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
        let now = self.now().await?;
        let kept = sqlx::query(
            "UPDATE leases SET expires_at = $1 WHERE name = $2 AND holder = $3 AND fence = $4",
        )
        .bind(now.saturating_add(lasts))
        .bind(&lease.name)
        .bind(&lease.holder)
        .bind(lease.fence)
        .execute(self.pool())
        .await?;
        Ok(kept.rows_affected() == 1)
    }

    /// Gives a lease back, so that the next need not wait for its end. The row stays, and with it the fence.
    pub async fn give_lease_back(&self, lease: &Lease) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE leases SET expires_at = 0, holder = '' WHERE name = $1 AND holder = $2 AND fence = $3",
        )
        .bind(&lease.name)
        .bind(&lease.holder)
        .bind(lease.fence)
        .execute(self.pool())
        .await?;
        Ok(())
    }
}
