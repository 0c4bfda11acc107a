//! Connections, and their credentials.

use secrecy::SecretString;
use serde_json::Value;
use sqlx::{Any, Row as _, Transaction, any::AnyRow};

use super::{
    Lease, Place, Store, StoreError, flag, is_constraint, json, json_text, merged_metadata, seal,
};

const CREDENTIALS: &str = "connections.credentials";

/// A connection without its credentials.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    /// `conn_…`
    pub id: String,
    pub connector_config_id: String,
    pub connector_name: String,
    pub customer_id: Option<String>,
    pub integration_id: Option<String>,
    pub display_name: Option<String>,
    pub disabled: bool,
    /// What is no secret.
    pub settings: Option<Value>,
    pub metadata: Option<Value>,
    /// `healthy`, `disconnected`, `error`, `manual`; none until it is known.
    pub status: Option<String>,
    pub status_message: Option<String>,
    /// Grows when the credentials change.
    pub credentials_version: i64,
    /// Grows with every change, that of the credentials too.
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    sealed: Option<String>,
}

impl Connection {
    /// Whether there is a secret that it is reached with.
    pub fn has_credentials(&self) -> bool {
        self.sealed.is_some()
    }
}

/// What a connection is made with.
#[derive(Debug)]
pub struct NewConnection<'a> {
    pub id: &'a str,
    pub connector_config_id: &'a str,
    pub connector_name: &'a str,
    pub customer_id: Option<&'a str>,
    pub integration_id: Option<&'a str>,
    pub display_name: Option<&'a str>,
    pub disabled: bool,
    pub settings: Option<&'a Value>,
    pub metadata: Option<&'a Value>,
    pub status: Option<&'a str>,
    /// A JSON object of what is secret.
    pub credentials: Option<&'a SecretString>,
}

/// What is changed of a connection; what is none stays.
#[derive(Debug, Default)]
pub struct ConnectionChange {
    pub display_name: Option<Option<String>>,
    pub customer_id: Option<Option<String>>,
    pub integration_id: Option<Option<String>>,
    pub disabled: Option<bool>,
    /// Objects are merged, member by member and no deeper; anything else takes the place of what is there.
    pub metadata: Option<Value>,
    pub settings: Option<Value>,
    pub credentials: Option<SecretString>,
}

/// Which connections are listed.
#[derive(Debug, Default, Clone, Copy)]
pub struct ConnectionFilter<'a> {
    pub customer_id: Option<&'a str>,
    pub connector_config_id: Option<&'a str>,
    pub connector_name: Option<&'a str>,
}

/// Whether credentials were kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// They are the newest now; this is their version.
    Yes(i64),
    /// Others came before, or the lease was lost: those have to be read and used.
    Superseded,
    /// The connection is gone.
    Gone,
}

impl Connection {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.try_get("id")?,
            connector_config_id: row.try_get("connector_config_id")?,
            connector_name: row.try_get("connector_name")?,
            customer_id: row.try_get("customer_id")?,
            integration_id: row.try_get("integration_id")?,
            display_name: row.try_get("display_name")?,
            disabled: flag(row, "disabled")?,
            settings: json(row, "settings")?,
            metadata: json(row, "metadata")?,
            status: row.try_get("status")?,
            status_message: row.try_get("status_message")?,
            credentials_version: row.try_get("credentials_version")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            sealed: row.try_get("credentials")?,
        })
    }
}

impl Store {
    /// Makes a connection. A config that is not there is a conflict.
    pub async fn insert_connection(
        &self,
        new: &NewConnection<'_>,
    ) -> Result<Connection, StoreError> {
        let mut transaction = self.begin().await?;
        let connection = self.insert_connection_in(&mut transaction, new).await?;
        transaction.commit().await?;
        Ok(connection)
    }

    /// The same, together with what else the transaction does. The customer is made where it is not there.
    pub(crate) async fn insert_connection_in(
        &self,
        transaction: &mut Transaction<'static, Any>,
        new: &NewConnection<'_>,
    ) -> Result<Connection, StoreError> {
        let now = self.now_in(transaction).await?;
        self.know_customer(transaction, new.customer_id, now)
            .await?;
        // Each connection has a data key of its own, also before it has a secret.
        let key = self.new_data_key(transaction).await?;
        let place = Place {
            column: CREDENTIALS,
            row: new.id,
        };
        let sealed = new.credentials.map(|secret| key.seal_text(place, secret));
        let row = sqlx::query(
            "INSERT INTO connections
                 (id, connector_config_id, connector_name, customer_id, integration_id, display_name, disabled,
                  settings, metadata, status, credentials, credentials_version, data_key, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, $13, $13)
             RETURNING *",
        )
        .bind(new.id)
        .bind(new.connector_config_id)
        .bind(new.connector_name)
        .bind(new.customer_id)
        .bind(new.integration_id)
        .bind(new.display_name)
        .bind(i64::from(new.disabled))
        .bind(json_text(new.settings))
        .bind(json_text(new.metadata))
        .bind(new.status)
        .bind(sealed)
        .bind(&key.id)
        .bind(now)
        .fetch_one(&mut **transaction)
        .await
        .map_err(|error| {
            if is_constraint(&error) {
                StoreError::Conflict(format!(
                    "there is no connector config {}, or {} is there already",
                    new.connector_config_id, new.id
                ))
            } else {
                error.into()
            }
        })?;
        Connection::read(&row)
    }

    pub async fn connection(&self, id: &str) -> Result<Option<Connection>, StoreError> {
        let row = sqlx::query("SELECT * FROM connections WHERE id = $1")
            .bind(id)
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(Connection::read).transpose()
    }

    /// The newest first.
    pub async fn connections(
        &self,
        filter: ConnectionFilter<'_>,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<Connection>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM connections
             WHERE ($1 IS NULL OR customer_id = $1)
               AND ($2 IS NULL OR connector_config_id = $2)
               AND ($3 IS NULL OR connector_name = $3)
             ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5",
        )
        .bind(filter.customer_id)
        .bind(filter.connector_config_id)
        .bind(filter.connector_name)
        .bind(limit)
        .bind(offset)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(Connection::read).collect()
    }

    /// Changes a connection; none where there is none.
    pub async fn update_connection(
        &self,
        id: &str,
        change: &ConnectionChange,
    ) -> Result<Option<Connection>, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(old) = self.locked_connection(&mut transaction, id).await? else {
            return Ok(None);
        };
        let connection = self
            .update_connection_in(&mut transaction, &old, change)
            .await?;
        transaction.commit().await?;
        Ok(Some(connection))
    }

    /// The same for a connection that the transaction has locked. The customer is made where it is not there.
    pub(crate) async fn update_connection_in(
        &self,
        transaction: &mut Transaction<'static, Any>,
        old: &Connection,
        change: &ConnectionChange,
    ) -> Result<Connection, StoreError> {
        let id = &old.id;
        let now = self.now_in(transaction).await?;
        let customer = change.customer_id.as_ref().and_then(Option::as_deref);
        self.know_customer(transaction, customer, now).await?;
        let metadata = merged_metadata(old.metadata.as_ref(), change.metadata.as_ref());
        let sealed = match &change.credentials {
            Some(secret) => Some(self.reseal(transaction, id, secret).await?),
            None => None,
        };
        let settings = change.settings.as_ref().or(old.settings.as_ref());
        let row = sqlx::query(
            "UPDATE connections SET
                 display_name = $2, customer_id = $3, integration_id = $4, disabled = $5, metadata = $6, settings = $7,
                 credentials = COALESCE($8, credentials),
                 credentials_version = credentials_version + $9,
                 version = version + 1,
                 updated_at = $10
             WHERE id = $1 RETURNING *",
        )
        .bind(id)
        .bind(change.display_name.as_ref().unwrap_or(&old.display_name))
        .bind(change.customer_id.as_ref().unwrap_or(&old.customer_id))
        .bind(change.integration_id.as_ref().unwrap_or(&old.integration_id))
        .bind(i64::from(change.disabled.unwrap_or(old.disabled)))
        .bind(json_text(metadata.as_ref()))
        .bind(json_text(settings))
        .bind(&sealed)
        .bind(i64::from(sealed.is_some()))
        .bind(now)
        .fetch_one(&mut **transaction)
        .await?;
        Self::connection_changed_in(transaction, Some(id)).await?;
        Connection::read(&row)
    }

    /// Notes how a connection is; true where it was different before.
    pub async fn set_connection_status(
        &self,
        id: &str,
        status: &str,
        message: Option<&str>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let changed = self
            .set_connection_status_in(&mut transaction, id, status, message)
            .await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// The same, together with what else the transaction does.
    pub(crate) async fn set_connection_status_in(
        &self,
        transaction: &mut Transaction<'static, Any>,
        id: &str,
        status: &str,
        message: Option<&str>,
    ) -> Result<bool, StoreError> {
        let now = self.now_in(transaction).await?;
        let changed = sqlx::query(
            "UPDATE connections SET status = $2, status_message = $3, updated_at = $4
             WHERE id = $1 AND (status IS NULL OR status <> $2)",
        )
        .bind(id)
        .bind(status)
        .bind(message)
        .bind(now)
        .execute(&mut **transaction)
        .await?;
        Ok(changed.rows_affected() == 1)
    }

    /// Removes a connection, its secrets with the key that opens them, and the pipelines that lead from or to it. None
    /// where there is none; otherwise the ids of those pipelines.
    pub async fn delete_connection(&self, id: &str) -> Result<Option<Vec<String>>, StoreError> {
        let mut transaction = self.begin().await?;
        if self
            .locked_connection(&mut transaction, id)
            .await?
            .is_none()
        {
            return Ok(None);
        }
        let pipelines = self.delete_connection_in(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(Some(pipelines))
    }

    /// The same for a connection that the transaction has locked.
    pub(crate) async fn delete_connection_in(
        &self,
        transaction: &mut Transaction<'static, Any>,
        id: &str,
    ) -> Result<Vec<String>, StoreError> {
        let pipelines = sqlx::query(
            "DELETE FROM pipelines WHERE source_id = $1 OR destination_id = $1 RETURNING id",
        )
        .bind(id)
        .fetch_all(&mut **transaction)
        .await?;
        let row = sqlx::query("DELETE FROM connections WHERE id = $1 RETURNING data_key")
            .bind(id)
            .fetch_one(&mut **transaction)
            .await?;
        if let Some(key) = row.try_get::<Option<String>, _>("data_key")? {
            Self::forget_data_key(transaction, &key).await?;
        }
        Self::forget_keys_in(transaction, id).await?;
        Self::connection_changed_in(transaction, Some(id)).await?;
        pipelines.iter().map(|row| Ok(row.try_get("id")?)).collect()
    }

    /// The credentials of a connection, as the JSON that they were given as.
    pub async fn credentials(
        &self,
        connection: &Connection,
    ) -> Result<Option<SecretString>, StoreError> {
        let Some(sealed) = &connection.sealed else {
            return Ok(None);
        };
        let key = self.data_key(seal::key_of(sealed)?).await?;
        let place = Place {
            column: CREDENTIALS,
            row: &connection.id,
        };
        Ok(Some(key.open_text(place, sealed)?))
    }

    /// Replaces the credentials that have `version`, for the holder of `lease`. What is answered is committed: a token
    /// may be used from then on.
    pub async fn save_credentials(
        &self,
        id: &str,
        version: i64,
        credentials: &SecretString,
        lease: &Lease,
    ) -> Result<Saved, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(old) = self.locked_connection(&mut transaction, id).await? else {
            return Ok(Saved::Gone);
        };
        let held = sqlx::query("SELECT 1 FROM leases WHERE name = $1 AND fence > $2")
            .bind(&lease.name)
            .bind(lease.fence)
            .fetch_optional(&mut *transaction)
            .await?
            .is_none();
        if old.credentials_version != version || !held {
            return Ok(Saved::Superseded);
        }
        let now = self.now_in(&mut transaction).await?;
        let sealed = self.reseal(&mut transaction, id, credentials).await?;
        sqlx::query(
            "UPDATE connections SET credentials = $2, credentials_version = $3, version = version + 1, updated_at = $4
             WHERE id = $1",
        )
        .bind(id)
        .bind(sealed)
        .bind(version + 1)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        Self::connection_changed_in(&mut transaction, Some(id)).await?;
        transaction.commit().await?;
        Ok(Saved::Yes(version + 1))
    }

    /// A connection that nobody else changes until the transaction ends.
    pub(crate) async fn locked_connection(
        &self,
        transaction: &mut Transaction<'static, Any>,
        id: &str,
    ) -> Result<Option<Connection>, StoreError> {
        let select = format!(
            "SELECT * FROM connections WHERE id = $1{}",
            self.dialect.for_update()
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(select))
            .bind(id)
            .fetch_optional(&mut **transaction)
            .await?;
        row.as_ref().map(Connection::read).transpose()
    }

    /// Seals with the connection's own data key.
    async fn reseal(
        &self,
        transaction: &mut Transaction<'static, Any>,
        id: &str,
        secret: &SecretString,
    ) -> Result<String, StoreError> {
        let row = sqlx::query(
            "SELECT data_keys.id, wrapped FROM data_keys
             JOIN connections ON connections.data_key = data_keys.id WHERE connections.id = $1",
        )
        .bind(id)
        .fetch_optional(&mut **transaction)
        .await?
        .ok_or_else(|| StoreError::Corrupt(format!("{id} has no data key")))?;
        let (key, wrapped): (String, String) = (row.try_get("id")?, row.try_get("wrapped")?);
        let place = Place {
            column: CREDENTIALS,
            row: id,
        };
        Ok(self.unwrap(&key, &wrapped)?.seal_text(place, secret))
    }
}
