//! How connections are: what is noted when one breaks or works again, each with its event, once.

use serde_json::json;
use sqlx::{Any, Row as _, Transaction};

use super::{Store, StoreError};

/// In which way a connection is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The account has taken its consent back, so a person has to connect it again.
    Disconnected,
    /// The provider refuses this installation: its client is wrong.
    Error,
}

impl Broken {
    /// The word for it in a connection's `standard.status`.
    pub fn status(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Error => "error",
        }
    }
}

impl Store {
    /// Notes that a connection does not work any more. True where it did until now: then there is an event as well.
    pub async fn connection_broke(
        &self,
        id: &str,
        broken: Broken,
        message: &str,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let now = self.now_in(&mut transaction).await?;
        // The condition and the change are one statement, so that of two sidecars only one tells it.
        let changed = sqlx::query(
            "UPDATE connections SET status = $2, status_message = $3, updated_at = $4
             WHERE id = $1 AND (status IS NULL OR status NOT IN ('disconnected', 'error'))
             RETURNING connector_name, customer_id",
        )
        .bind(id)
        .bind(broken.status())
        .bind(message)
        .bind(now)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = changed else {
            sqlx::query(
                "UPDATE connections SET status = $2, status_message = $3, updated_at = $4
                 WHERE id = $1 AND status <> $2",
            )
            .bind(id)
            .bind(broken.status())
            .bind(message)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
            return Ok(false);
        };
        let told = Told {
            name: "connection.broken",
            id,
            connector: row.try_get("connector_name")?,
            customer: row.try_get("customer_id")?,
            status: broken.status(),
            message: Some(message),
        };
        self.tell(&mut transaction, told).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Notes that a connection works. True where it was broken: then there is an event as well. Reads alone where it
    /// is known to work.
    pub async fn connection_works(&self, id: &str) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT status FROM connections WHERE id = $1")
            .bind(id)
            .fetch_optional(self.pool())
            .await?;
        let status = row.map(|row| row.try_get::<Option<String>, _>("status"));
        match status.transpose()? {
            // One without credentials of its own, or one that is gone.
            None => return Ok(false),
            Some(Some(status)) if status == "healthy" || status == "manual" => return Ok(false),
            Some(_) => {}
        }
        let mut transaction = self.begin().await?;
        let now = self.now_in(&mut transaction).await?;
        let repaired = sqlx::query(
            "UPDATE connections SET status = 'healthy', status_message = NULL, updated_at = $2
             WHERE id = $1 AND status IN ('disconnected', 'error')
             RETURNING connector_name, customer_id",
        )
        .bind(id)
        .bind(now)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(row) = &repaired {
            let told = Told {
                name: "connection.repaired",
                id,
                connector: row.try_get("connector_name")?,
                customer: row.try_get("customer_id")?,
                status: "healthy",
                message: None,
            };
            self.tell(&mut transaction, told).await?;
        } else {
            sqlx::query(
                "UPDATE connections SET status = 'healthy', updated_at = $2 WHERE id = $1 AND status IS NULL",
            )
            .bind(id)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(repaired.is_some())
    }

    async fn tell(
        &self,
        transaction: &mut Transaction<'static, Any>,
        told: Told<'_>,
    ) -> Result<(), StoreError> {
        let data = json!({
            "connection_id": told.id,
            "connector_name": told.connector,
            "status": told.status,
            "status_message": told.message,
        });
        self.add_event_in(transaction, told.name, &data, told.customer.as_deref())
            .await?;
        Ok(())
    }

    /// What changes whenever a connection or its connector config does; none where there is no such connection.
    pub async fn connection_stamp(&self, id: &str) -> Result<Option<Stamp>, StoreError> {
        let row = sqlx::query(
            "SELECT connections.version AS version, connector_configs.updated_at AS config_at
             FROM connections JOIN connector_configs ON connector_configs.id = connections.connector_config_id
             WHERE connections.id = $1",
        )
        .bind(id)
        .fetch_optional(self.pool())
        .await?;
        let stamp = row.map(|row| {
            Ok::<_, StoreError>(Stamp {
                version: row.try_get("version")?,
                config_at: row.try_get("config_at")?,
            })
        });
        stamp.transpose()
    }
}

/// What changes with a connection, its credentials and its connector config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub version: i64,
    /// When the connector config was changed last.
    pub config_at: i64,
}

/// An event about a connection.
struct Told<'a> {
    name: &'a str,
    id: &'a str,
    connector: String,
    customer: Option<String>,
    status: &'a str,
    message: Option<&'a str>,
}
