//! Customers: the caller's own ids, and what the caller notes with them.

use serde_json::Value;
use sqlx::{Any, Row as _, Transaction, any::AnyRow};

use super::{Store, StoreError, json, json_text, merged_metadata};

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
    /// Makes a customer, or changes the one with this id: metadata is merged member by member.
    pub async fn upsert_customer(
        &self,
        id: &str,
        metadata: Option<&Value>,
    ) -> Result<Customer, StoreError> {
        let mut transaction = self.begin().await?;
        let now = self.now_in(&mut transaction).await?;
        self.know_customer(&mut transaction, Some(id), now).await?;
        // The row is there, so that it can be locked: who merges at the same time waits.
        let select = format!(
            "SELECT * FROM customers WHERE id = $1{}",
            self.dialect.for_update()
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(select))
            .bind(id)
            .fetch_one(&mut *transaction)
            .await?;
        let old = Customer::read(&row)?;
        let merged = merged_metadata(old.metadata.as_ref(), metadata);
        let row = sqlx::query(
            "UPDATE customers SET metadata = $2, updated_at = $3 WHERE id = $1 RETURNING *",
        )
        .bind(id)
        .bind(json_text(merged.as_ref()))
        .bind(now)
        .fetch_one(&mut *transaction)
        .await?;
        let customer = Customer::read(&row)?;
        transaction.commit().await?;
        Ok(customer)
    }

    /// Makes a customer where there is none with this id.
    pub(super) async fn know_customer(
        &self,
        transaction: &mut Transaction<'static, Any>,
        id: Option<&str>,
        now: i64,
    ) -> Result<(), StoreError> {
        if let Some(id) = id {
            sqlx::query(
                "INSERT INTO customers (id, created_at, updated_at) VALUES ($1, $2, $2)
                 ON CONFLICT (id) DO NOTHING",
            )
            .bind(id)
            .bind(now)
            .execute(&mut **transaction)
            .await?;
        }
        Ok(())
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
