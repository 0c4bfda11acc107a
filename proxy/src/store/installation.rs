//! What the installation itself signs with: made once, the same for all who share the store.

use sqlx::Row as _;
use zeroize::Zeroizing;

use super::{Place, Store, StoreError, seal};

const SEALED: &str = "installation_secrets.sealed";

impl Store {
    /// 32 random bytes for a purpose, made by whoever asks first.
    pub async fn installation_secret(
        &self,
        purpose: &str,
    ) -> Result<Zeroizing<[u8; 32]>, StoreError> {
        let place = Place {
            column: SEALED,
            row: purpose,
        };
        if let Some(secret) = self.made_installation_secret(place).await? {
            return Ok(secret);
        }
        let mut transaction = self.begin().await?;
        let key = self.new_data_key(&mut transaction).await?;
        let secret: Zeroizing<[u8; 32]> = Zeroizing::new(rand::random());
        let made = sqlx::query(
            "INSERT INTO installation_secrets (name, sealed, data_key) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(purpose)
        .bind(key.seal(place, secret.as_slice()))
        .bind(&key.id)
        .execute(&mut *transaction)
        .await?;
        if made.rows_affected() == 1 {
            transaction.commit().await?;
            return Ok(secret);
        }
        // The new data key goes with the transaction.
        transaction.rollback().await?;
        let made = self.made_installation_secret(place).await?;
        made.ok_or_else(|| StoreError::Corrupt(format!("{SEALED}: {purpose} is gone")))
    }

    /// One that somebody has made before.
    async fn made_installation_secret(
        &self,
        place: Place<'_>,
    ) -> Result<Option<Zeroizing<[u8; 32]>>, StoreError> {
        let row = sqlx::query("SELECT sealed FROM installation_secrets WHERE name = $1")
            .bind(place.row)
            .fetch_optional(self.pool())
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let sealed: String = row.try_get("sealed")?;
        let key = self.data_key(seal::key_of(&sealed)?).await?;
        let opened = key.open(place, &sealed)?;
        let secret = <[u8; 32]>::try_from(opened.as_slice())
            .map_err(|_| StoreError::Corrupt(format!("{SEALED}: {}", place.row)))?;
        Ok(Some(Zeroizing::new(secret)))
    }
}
