//! Events: what happened, in the order in which it was committed.

use std::time::Duration;

use serde_json::Value;
use sqlx::{Any, Row as _, Transaction, any::AnyRow};

use super::{Store, StoreError, json, json_text, new_id};

/// Events that are removed in one transaction.
const PURGED_AT_ONCE: i64 = 500;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `evt_…`
    pub id: String,
    /// Grows in the order of commits, so that who reads on from a number misses nothing.
    pub seq: i64,
    /// As in `sync.completed`.
    pub name: String,
    pub data: Option<Value>,
    pub customer_id: Option<String>,
    pub created_at: i64,
}

/// Which events are listed.
#[derive(Debug, Default, Clone, Copy)]
pub struct EventFilter<'a> {
    /// Only those from this time on.
    pub since: i64,
    pub name: Option<&'a str>,
    pub customer_id: Option<&'a str>,
}

impl Event {
    pub(super) fn read(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.try_get("id")?,
            seq: row.try_get("seq")?,
            name: row.try_get("name")?,
            data: json(row, "data")?,
            customer_id: row.try_get("customer_id")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

impl Store {
    /// Notes an event, and that it has to be delivered to the webhooks that want it.
    pub async fn add_event(
        &self,
        name: &str,
        data: &Value,
        customer_id: Option<&str>,
    ) -> Result<Event, StoreError> {
        let mut transaction = self.begin().await?;
        let event = self
            .add_event_in(&mut transaction, name, data, customer_id)
            .await?;
        transaction.commit().await?;
        Ok(event)
    }

    /// The same, together with what else the transaction does.
    pub(crate) async fn add_event_in(
        &self,
        transaction: &mut Transaction<'static, Any>,
        name: &str,
        data: &Value,
        customer_id: Option<&str>,
    ) -> Result<Event, StoreError> {
        self.add_event_as_in(transaction, &new_id("evt"), name, data, customer_id)
            .await
    }

    /// The same, with an id that was told beforehand.
    pub(crate) async fn add_event_as_in(
        &self,
        transaction: &mut Transaction<'static, Any>,
        id: &str,
        name: &str,
        data: &Value,
        customer_id: Option<&str>,
    ) -> Result<Event, StoreError> {
        let now = self.now_in(transaction).await?;
        let counted = sqlx::query(
            "UPDATE counters SET value = value + 1 WHERE name = 'event' RETURNING value",
        )
        .fetch_one(&mut **transaction)
        .await?;
        let row = sqlx::query(
            "INSERT INTO events (id, seq, name, data, customer_id, created_at) VALUES ($1, $2, $3, $4, $5, $6)
             RETURNING *",
        )
        .bind(id)
        .bind(counted.try_get::<i64, _>("value")?)
        .bind(name)
        .bind(json_text(Some(data)))
        .bind(customer_id)
        .bind(now)
        .fetch_one(&mut **transaction)
        .await?;
        let event = Event::read(&row)?;
        self.add_deliveries_in(transaction, &event).await?;
        Ok(event)
    }

    /// Events in their order, after the one with the number `after`.
    pub async fn events(
        &self,
        filter: &EventFilter<'_>,
        after: i64,
        limit: i64,
    ) -> Result<Vec<Event>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM events
             WHERE seq > $1 AND created_at >= $2
               AND ($3 IS NULL OR name = $3) AND ($4 IS NULL OR customer_id = $4)
             ORDER BY seq LIMIT $5",
        )
        .bind(after)
        .bind(filter.since)
        .bind(filter.name)
        .bind(filter.customer_id)
        .bind(limit)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(Event::read).collect()
    }

    /// The number of the newest event; 0 before the first.
    pub async fn newest_event(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT value FROM counters WHERE name = 'event'")
            .fetch_one(self.pool())
            .await?;
        Ok(row.try_get("value")?)
    }

    /// Removes events older than `ago`, and what is left of their deliveries. Returns how many were removed.
    pub async fn purge_events(&self, ago: Duration) -> Result<u64, StoreError> {
        let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
        let before = self.now().await?.saturating_sub(ago);
        let mut purged = 0;
        loop {
            let removed = sqlx::query(
                "DELETE FROM events WHERE id IN
                     (SELECT id FROM events WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
            )
            .bind(before)
            .bind(PURGED_AT_ONCE)
            .execute(self.pool())
            .await?
            .rows_affected();
            if removed == 0 {
                return Ok(purged);
            }
            purged += removed;
        }
    }
}
