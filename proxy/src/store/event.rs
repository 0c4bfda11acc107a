//! Events: what happened, in the order in which it was committed.

use serde_json::Value;
use sqlx::{Any, Row as _, Transaction, any::AnyRow};

use super::{Store, StoreError, json, json_text, new_id};

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
        Event::read(&row)
    }
}
