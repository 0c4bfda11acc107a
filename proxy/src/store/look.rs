//! A look at a store from outside: whether it is there, how old its tables are, whether it can be written, and whether
//! the keys at hand open it. Unlike [`Store::open`](super::Store::open) it makes and changes nothing.

use secrecy::ExposeSecret as _;
use sqlx::{AnyPool, Executor as _, Row as _, any::AnyPoolOptions};

use super::{
    ACQUIRE, Location, MIGRATIONS, StoreError, install_drivers,
    keys::{KeyError, KeyRing},
    without_url,
};

/// What a look at a store found.
#[derive(Debug)]
pub struct Look {
    /// The newest change of its tables that was carried out; 0 where there are none.
    pub version: i64,
    /// The newest one that this program knows.
    pub newest: i64,
    /// Why it cannot be written, if it cannot.
    pub read_only: Option<String>,
    /// Why the keys do not open what is sealed in it, if they do not.
    pub key: Option<KeyError>,
    /// Whether anything is sealed in it.
    pub has_secrets: bool,
}

/// Looks at the store; none where it is a file that is not there yet.
pub async fn look(location: &Location, keys: &KeyRing) -> Result<Option<Look>, StoreError> {
    install_drivers();
    let url = match location {
        Location::Sqlite(path) if !path.exists() => return Ok(None),
        Location::Sqlite(path) => super::sqlite_url(path).replace("?mode=rwc", "?mode=rw"),
        Location::Postgres(url) => url.expose_secret().to_owned(),
    };
    let pool = AnyPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE)
        .connect(&url)
        .await
        .map_err(|error| StoreError::Unreachable(without_url(error, location)))?;
    let looked = look_at(&pool, keys).await;
    pool.close().await;
    looked.map(Some)
}

async fn look_at(pool: &AnyPool, keys: &KeyRing) -> Result<Look, StoreError> {
    let newest = MIGRATIONS
        .iter()
        .map(|each| each.version)
        .max()
        .unwrap_or(0);
    // Without the table nothing was ever made there.
    let version = sqlx::query("SELECT MAX(version) AS version FROM _sqlx_migrations")
        .fetch_one(pool)
        .await
        .ok()
        .and_then(|row| row.try_get::<i64, _>("version").ok())
        .unwrap_or(0);
    let mut look = Look {
        version,
        newest,
        read_only: None,
        key: None,
        has_secrets: false,
    };
    if version == 0 {
        pool.execute("SELECT 1").await?;
        return Ok(look);
    }
    // Changes no row, and is refused where rows cannot be changed.
    if let Err(error) = pool.execute("DELETE FROM customers WHERE 1 = 0").await {
        look.read_only = Some(error.to_string());
    }
    let rows = sqlx::query("SELECT DISTINCT wrapped_by FROM data_keys")
        .fetch_all(pool)
        .await?;
    look.has_secrets = !rows.is_empty();
    for row in rows {
        let id: String = row.try_get("wrapped_by")?;
        if let Err(error) = keys.find(&id) {
            look.key = Some(error);
        }
    }
    Ok(look)
}
