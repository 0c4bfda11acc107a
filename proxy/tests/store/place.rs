//! Where the stores of the tests are.

use std::path::PathBuf;

use crosswalk::store::{
    Location, Store, StoreError,
    keys::{KeyRing, KeySource},
};
use sqlx::{Connection as _, Executor as _};

/// An empty store's place; gone when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    folder: tempfile::TempDir,
    pub(crate) location: Location,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(folder.path().join("state").join("crosswalk.db"));
        Self { folder, location }
    }

    /// A database of its own at the server of the tests.
    async fn postgres() -> Option<Self> {
        let server = std::env::var("CROSSWALK_TEST_POSTGRES").ok()?;
        let name = format!("store_{:016x}", rand::random::<u64>());
        let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
        connection
            .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .await
            .unwrap();
        Some(Self {
            folder: tempfile::tempdir().unwrap(),
            location: Location::Postgres(format!("{server}/{name}").into()),
        })
    }

    /// One place on each kind of database.
    pub(crate) async fn all() -> Vec<Self> {
        [Some(Self::sqlite()), Self::postgres().await]
            .into_iter()
            .flatten()
            .collect()
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.folder.path().join("store.key")
    }

    pub(crate) fn keys(&self) -> KeyRing {
        KeyRing::load(KeySource::File(self.key_file())).unwrap()
    }

    pub(crate) async fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.location, self.keys()).await
    }
}
