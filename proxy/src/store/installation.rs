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
        let row = sqlx::query("SELECT sealed FROM installation_secrets WHERE name = $1")
            .bind(purpose)
            .fetch_one(self.pool())
            .await?;
        let sealed: String = row.try_get("sealed")?;
        let key = self.data_key(seal::key_of(&sealed)?).await?;
        let opened = key.open(place, &sealed)?;
        let secret = <[u8; 32]>::try_from(opened.as_slice())
            .map_err(|_| StoreError::Corrupt(format!("{SEALED}: {purpose}")))?;
        Ok(Zeroizing::new(secret))
    }
}
