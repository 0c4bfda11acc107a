//! Connector configs: this installation's registration with a provider, or a kind of destination.

use secrecy::SecretString;
use serde_json::Value;
use sqlx::{Any, Row as _, Transaction, any::AnyRow};

use super::{
    Place, Store, StoreError, flag, is_constraint, json, json_text, merged_metadata, seal,
};

const SECRETS: &str = "connector_configs.secrets";

/// A connector config without its secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectorConfig {
    /// `ccfg_…`
    pub id: String,
    pub connector_name: String,
    pub display_name: Option<String>,
    pub disabled: bool,
    /// What is no secret.
    pub config: Option<Value>,
    pub default_pipe_out: Option<Value>,
    pub default_pipe_in: Option<Value>,
    pub env_name: Option<String>,
    pub metadata: Option<Value>,
    pub created_at: i64,
    pub updated_at: i64,
    sealed: Option<String>,
    data_key: Option<String>,
}

/// What a connector config is made or replaced with.
#[derive(Debug)]
pub struct ConnectorConfigInput<'a> {
    pub id: &'a str,
    pub connector_name: &'a str,
    pub display_name: Option<&'a str>,
    pub disabled: bool,
    pub config: Option<&'a Value>,
    /// A JSON object of what is secret.
    pub secrets: Option<&'a SecretString>,
    pub default_pipe_out: Option<&'a Value>,
    pub default_pipe_in: Option<&'a Value>,
}

/// What is changed of a connector config; what is none stays.
#[derive(Debug, Default)]
pub struct ConnectorConfigChange {
    pub display_name: Option<Option<String>>,
    pub disabled: Option<bool>,
    /// Merged into what is there, member by member; null removes it.
    pub metadata: Option<Value>,
    pub config: Option<Option<Value>>,
    /// A JSON object of what is secret.
    pub secrets: Option<Option<SecretString>>,
    pub default_pipe_out: Option<Option<Value>>,
    pub default_pipe_in: Option<Option<Value>>,
}

impl ConnectorConfig {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.try_get("id")?,
            connector_name: row.try_get("connector_name")?,
            display_name: row.try_get("display_name")?,
            disabled: flag(row, "disabled")?,
            config: json(row, "config")?,
            default_pipe_out: json(row, "default_pipe_out")?,
            default_pipe_in: json(row, "default_pipe_in")?,
            env_name: row.try_get("env_name")?,
            metadata: json(row, "metadata")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            sealed: row.try_get("secrets")?,
            data_key: row.try_get("data_key")?,
        })
    }
}

impl Store {
    /// Makes a connector config, or replaces the one with this id. Its connector stays what it is; secrets that are not
    /// given stay as well.
    pub async fn upsert_connector_config(
        &self,
        input: &ConnectorConfigInput<'_>,
    ) -> Result<ConnectorConfig, StoreError> {
        let mut transaction = self.begin().await?;
        let now = self.now_in(&mut transaction).await?;
        let known = format!(
            "SELECT * FROM connector_configs WHERE id = $1{}",
            self.dialect.for_update()
        );
        let known = sqlx::query(sqlx::AssertSqlSafe(known))
            .bind(input.id)
            .fetch_optional(&mut *transaction)
            .await?;
        if let Some(known) = &known {
            let connector: String = known.try_get("connector_name")?;
            if connector != input.connector_name {
                return Err(StoreError::Conflict(format!(
                    "{} is a config of `{connector}` and cannot become one of `{}`",
                    input.id, input.connector_name
                )));
            }
        }
        let (sealed, data_key) = match input.secrets {
            Some(secrets) => {
                let key = self.new_data_key(&mut transaction).await?;
                let place = Place {
                    column: SECRETS,
                    row: input.id,
                };
                (Some(key.seal_text(place, secrets)), Some(key.id))
            }
            None => (None, None),
        };
        let row = sqlx::query(
            "INSERT INTO connector_configs
                 (id, connector_name, display_name, disabled, config, secrets, data_key,
                  default_pipe_out, default_pipe_in, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
             ON CONFLICT (id) DO UPDATE SET
                 display_name = excluded.display_name,
                 disabled = excluded.disabled,
                 config = excluded.config,
                 secrets = COALESCE(excluded.secrets, connector_configs.secrets),
                 data_key = COALESCE(excluded.data_key, connector_configs.data_key),
                 default_pipe_out = excluded.default_pipe_out,
                 default_pipe_in = excluded.default_pipe_in,
                 updated_at = excluded.updated_at
             RETURNING *",
        )
        .bind(input.id)
        .bind(input.connector_name)
        .bind(input.display_name)
        .bind(i64::from(input.disabled))
        .bind(json_text(input.config))
        .bind(&sealed)
        .bind(&data_key)
        .bind(json_text(input.default_pipe_out))
        .bind(json_text(input.default_pipe_in))
        .bind(now)
        .fetch_one(&mut *transaction)
        .await?;
        let old_key: Option<String> = match &known {
            Some(known) if data_key.is_some() => known.try_get("data_key")?,
            _ => None,
        };
        if let Some(old_key) = old_key {
            Self::forget_data_key(&mut transaction, &old_key).await?;
        }
        let config = ConnectorConfig::read(&row)?;
        if known.is_some() {
            Self::connection_changed_in(&mut transaction, None).await?;
        }
        transaction.commit().await?;
        Ok(config)
    }

    pub async fn connector_config(&self, id: &str) -> Result<Option<ConnectorConfig>, StoreError> {
        let row = sqlx::query("SELECT * FROM connector_configs WHERE id = $1")
            .bind(id)
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(ConnectorConfig::read).transpose()
    }

    /// All of them, the oldest first: they are few.
    pub async fn connector_configs(&self) -> Result<Vec<ConnectorConfig>, StoreError> {
        let rows = sqlx::query("SELECT * FROM connector_configs ORDER BY created_at, id")
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(ConnectorConfig::read).collect()
    }

    /// Changes a connector config; none where there is none.
    pub async fn update_connector_config(
        &self,
        id: &str,
        change: &ConnectorConfigChange,
    ) -> Result<Option<ConnectorConfig>, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(old) = self.locked_connector_config(&mut transaction, id).await? else {
            return Ok(None);
        };
        let config = self
            .update_connector_config_in(&mut transaction, &old, change)
            .await?;
        transaction.commit().await?;
        Ok(Some(config))
    }

    /// A connector config that nobody else changes until the transaction ends.
    pub(crate) async fn locked_connector_config(
        &self,
        transaction: &mut Transaction<'static, Any>,
        id: &str,
    ) -> Result<Option<ConnectorConfig>, StoreError> {
        let select = format!(
            "SELECT * FROM connector_configs WHERE id = $1{}",
            self.dialect.for_update()
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(select))
            .bind(id)
            .fetch_optional(&mut **transaction)
            .await?;
        row.as_ref().map(ConnectorConfig::read).transpose()
    }

    /// Changes a connector config that the transaction has locked. Its connections count as changed, since what they
    /// are reached with is in it.
    pub(crate) async fn update_connector_config_in(
        &self,
        transaction: &mut Transaction<'static, Any>,
        old: &ConnectorConfig,
        change: &ConnectorConfigChange,
    ) -> Result<ConnectorConfig, StoreError> {
        let now = self.now_in(transaction).await?;
        let metadata = merged_metadata(old.metadata.as_ref(), change.metadata.as_ref());
        let (sealed, data_key) = match &change.secrets {
            None => (old.sealed.clone(), old.data_key.clone()),
            Some(None) => (None, None),
            Some(Some(secrets)) => {
                let key = self.new_data_key(transaction).await?;
                let place = Place {
                    column: SECRETS,
                    row: &old.id,
                };
                (Some(key.seal_text(place, secrets)), Some(key.id))
            }
        };
        let row = sqlx::query(
            "UPDATE connector_configs SET
                 display_name = $2, disabled = $3, config = $4, secrets = $5, data_key = $6,
                 default_pipe_out = $7, default_pipe_in = $8, metadata = $9, updated_at = $10
             WHERE id = $1 RETURNING *",
        )
        .bind(&old.id)
        .bind(change.display_name.as_ref().unwrap_or(&old.display_name))
        .bind(i64::from(change.disabled.unwrap_or(old.disabled)))
        .bind(json_text(
            change.config.as_ref().unwrap_or(&old.config).as_ref(),
        ))
        .bind(&sealed)
        .bind(&data_key)
        .bind(json_text(
            change
                .default_pipe_out
                .as_ref()
                .unwrap_or(&old.default_pipe_out)
                .as_ref(),
        ))
        .bind(json_text(
            change
                .default_pipe_in
                .as_ref()
                .unwrap_or(&old.default_pipe_in)
                .as_ref(),
        ))
        .bind(json_text(metadata.as_ref()))
        .bind(now)
        .fetch_one(&mut **transaction)
        .await?;
        sqlx::query("UPDATE connections SET version = version + 1 WHERE connector_config_id = $1")
            .bind(&old.id)
            .execute(&mut **transaction)
            .await?;
        if let Some(old_key) = &old.data_key
            && data_key.as_ref() != Some(old_key)
        {
            Self::forget_data_key(transaction, old_key).await?;
        }
        Self::connection_changed_in(transaction, None).await?;
        ConnectorConfig::read(&row)
    }

    /// Removes a connector config with its secrets; refused while it has connections. False where there is none.
    pub async fn delete_connector_config(&self, id: &str) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let deleted = sqlx::query("DELETE FROM connector_configs WHERE id = $1 RETURNING data_key")
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(|error| {
                if is_constraint(&error) {
                    StoreError::Conflict(format!("{id} still has connections; delete those first"))
                } else {
                    error.into()
                }
            })?;
        let Some(row) = deleted else {
            return Ok(false);
        };
        if let Some(key) = row.try_get::<Option<String>, _>("data_key")? {
            Self::forget_data_key(&mut transaction, &key).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The secrets of a connector config, as the JSON that they were given as.
    pub async fn connector_config_secrets(
        &self,
        config: &ConnectorConfig,
    ) -> Result<Option<SecretString>, StoreError> {
        let Some(sealed) = &config.sealed else {
            return Ok(None);
        };
        let key = self.data_key(seal::key_of(sealed)?).await?;
        let place = Place {
            column: SECRETS,
            row: &config.id,
        };
        Ok(Some(key.open_text(place, sealed)?))
    }
}
