//! Customers: the caller's own ids, and what the caller notes with them.

use serde_json::Value;
use sqlx::{Row as _, any::AnyRow};

use super::{Store, StoreError, json, json_text};

/// A customer of the caller's.
#[derive(Debug, Clone, PartialEq)]
pub struct Customer {
    /// The caller's own id.
    pub id: String,
    pub metadata: Option<Value>,
    pub created_at: i64,
    pub updated_at: i64,
}

impl Customer {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.try_get("id")?,
            metadata: json(row, "metadata")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

impl Store {
    /// Makes a customer, or changes the one with this id. Without metadata that which is there stays.
    pub async fn upsert_customer(
        &self,
        id: &str,
        metadata: Option<&Value>,
    ) -> Result<Customer, StoreError> {
        let now = self.now().await?;
        let row = sqlx::query(
            "INSERT INTO customers (id, metadata, created_at, updated_at) VALUES ($1, $2, $3, $3)
             ON CONFLICT (id) DO UPDATE SET
                 metadata = COALESCE(excluded.metadata, customers.metadata),
                 updated_at = excluded.updated_at
             RETURNING *",
        )
        .bind(id)
        .bind(json_text(metadata))
        .bind(now)
        .fetch_one(self.pool())
        .await?;
        Customer::read(&row)
    }

    pub async fn customer(&self, id: &str) -> Result<Option<Customer>, StoreError> {
        let row = sqlx::query("SELECT * FROM customers WHERE id = $1")
            .bind(id)
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(Customer::read).transpose()
    }

    /// In the order of their ids.
    pub async fn customers(&self, limit: i64, offset: i64) -> Result<Vec<Customer>, StoreError> {
        let rows = sqlx::query("SELECT * FROM customers ORDER BY id LIMIT $1 OFFSET $2")
            .bind(limit)
            .bind(offset)
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(Customer::read).collect()
    }
}
