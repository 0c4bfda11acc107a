//! The calls of an account's limit, given to sidecars a few at a time, so that together they never have more than the
//! limit in any window.

use std::time::Duration;

use sqlx::Row as _;

use super::{Dialect, Store, StoreError, new_id};

/// A limit that nobody has used for so long is forgotten.
const FORGOTTEN: i64 = 24 * 60 * 60 * 1000;

/// Which limit of which account, and who asks.
#[derive(Debug, Clone, Copy)]
pub struct BudgetLimit<'a> {
    pub account: &'a str,
    pub limit: &'a str,
    pub holder: &'a str,
}

/// What a sidecar asks for.
#[derive(Debug, Clone, Copy)]
pub struct BudgetAsk<'a> {
    pub calls: u32,
    /// All that may be given within the window.
    pub limit: u32,
    pub window: Duration,
    /// How long they are good for, with what calls take on their way.
    pub lives: Duration,
    pub slack: Duration,
    /// What was given before, and how many of it were not made. It is used no more.
    pub before: Option<(&'a str, u32)>,
}

/// What a sidecar was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetChunk {
    /// None where nothing was left.
    pub id: Option<String>,
    pub calls: u32,
    /// Calls in the window that others were given.
    pub others: u32,
    /// When the next ones will be given back.
    pub again_after: Duration,
    /// Limits of the account that are spent, and for how long.
    pub spent: Vec<(String, Duration)>,
}

impl Store {
    /// Whether other processes may use the same store.
    pub fn is_shared(&self) -> bool {
        self.dialect == Dialect::Postgres
    }

    /// Gives calls of a limit, as many as are asked for and left.
    pub async fn take_calls(
        &self,
        of: BudgetLimit<'_>,
        ask: BudgetAsk<'_>,
    ) -> Result<BudgetChunk, StoreError> {
        let mut transaction = self.begin().await?;
        // The row's lock comes first, so that the clock is read by one at a time.
        sqlx::query(
            "INSERT INTO budgets (account, limit_name, spent_until, used_at) VALUES ($1, $2, 0, 0)
             ON CONFLICT (account, limit_name) DO UPDATE SET used_at = budgets.used_at",
        )
        .bind(of.account)
        .bind(of.limit)
        .execute(&mut *transaction)
        .await?;
        let now = self.now_in(&mut transaction).await?;
        sqlx::query("UPDATE budgets SET used_at = $1 WHERE account = $2 AND limit_name = $3")
            .bind(now)
            .bind(of.account)
            .bind(of.limit)
            .execute(&mut *transaction)
            .await?;
        if let Some((id, unused)) = ask.before {
            // The last of it was made just now, at the latest.
            sqlx::query(
                "UPDATE budget_chunks SET calls = calls - $1,
                     counts_until = CASE WHEN counts_until > $2 THEN $2 ELSE counts_until END
                 WHERE id = $3",
            )
            .bind(i64::from(unused))
            .bind(now + milliseconds(ask.window) + milliseconds(ask.slack))
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        }
        sqlx::query(
            "DELETE FROM budget_chunks
             WHERE account = $1 AND limit_name = $2 AND (counts_until <= $3 OR calls <= 0)",
        )
        .bind(of.account)
        .bind(of.limit)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        let row = sqlx::query(
            "SELECT CAST(COALESCE(SUM(calls), 0) AS BIGINT) AS given,
                 CAST(COALESCE(SUM(CASE WHEN holder = $3 THEN 0 ELSE calls END), 0) AS BIGINT) AS others,
                 CAST(COALESCE(MIN(counts_until), 0) AS BIGINT) AS next
             FROM budget_chunks WHERE account = $1 AND limit_name = $2",
        )
        .bind(of.account)
        .bind(of.limit)
        .bind(of.holder)
        .fetch_one(&mut *transaction)
        .await?;
        let (given, others): (i64, i64) = (row.try_get("given")?, row.try_get("others")?);
        let next: i64 = row.try_get("next")?;
        let left = i64::from(ask.limit).saturating_sub(given).max(0);
        let calls = u32::try_from(left).unwrap_or(u32::MAX).min(ask.calls);
        let id = (calls > 0).then(|| new_id("calls"));
        if let Some(id) = &id {
            let until =
                now + milliseconds(ask.lives) + milliseconds(ask.window) + milliseconds(ask.slack);
            sqlx::query(
                "INSERT INTO budget_chunks (id, account, limit_name, holder, calls, counts_until)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(id)
            .bind(of.account)
            .bind(of.limit)
            .bind(of.holder)
            .bind(i64::from(calls))
            .bind(until)
            .execute(&mut *transaction)
            .await?;
        }
        let spent = sqlx::query(
            "SELECT limit_name, spent_until FROM budgets WHERE account = $1 AND spent_until > $2",
        )
        .bind(of.account)
        .bind(now)
        .fetch_all(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(BudgetChunk {
            id,
            calls,
            others: u32::try_from(others).unwrap_or(u32::MAX),
            again_after: duration(next - now),
            spent: spent
                .iter()
                .map(|row| {
                    let until: i64 = row.try_get("spent_until")?;
                    Ok((row.try_get("limit_name")?, duration(until - now)))
                })
                .collect::<Result<_, StoreError>>()?,
        })
    }

    /// Notes that the provider has refused calls for a limit. Limits that nobody uses any more are forgotten on the way.
    pub async fn calls_are_spent(
        &self,
        of: BudgetLimit<'_>,
        after: Duration,
    ) -> Result<(), StoreError> {
        let now = self.now().await?;
        sqlx::query(
            "INSERT INTO budgets (account, limit_name, spent_until, used_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (account, limit_name) DO UPDATE SET
                 spent_until = CASE WHEN budgets.spent_until > excluded.spent_until
                     THEN budgets.spent_until ELSE excluded.spent_until END",
        )
        .bind(of.account)
        .bind(of.limit)
        .bind(now + milliseconds(after))
        .bind(now)
        .execute(self.pool())
        .await?;
        sqlx::query("DELETE FROM budgets WHERE used_at < $1 AND spent_until < $1")
            .bind(now - FORGOTTEN)
            .execute(self.pool())
            .await?;
        sqlx::query("DELETE FROM budget_chunks WHERE counts_until < $1")
            .bind(now)
            .execute(self.pool())
            .await?;
        Ok(())
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

fn duration(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}
