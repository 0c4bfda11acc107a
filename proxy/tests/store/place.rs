//! Where the stores of the tests are.

use std::path::PathBuf;

use crosswalk::store::{
    Location, Store, StoreError,
    keys::{KeyRing, KeySource},
};
use crosswalk_tests::Postgres;
use secrecy::ExposeSecret;
use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, PgConnection, sqlite::SqliteConnectOptions,
};

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

    /// A database of its own, where there is a server.
    fn postgres() -> Option<Self> {
        Some(Self {
            folder: tempfile::tempdir().unwrap(),
            location: Location::Postgres(Postgres::shared()?.database().into()),
        })
    }

    /// One place on each kind of database.
    pub(crate) fn all() -> Vec<Self> {
        [Some(Self::sqlite()), Self::postgres()]
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

    /// Does something to the database behind the store's back.
    pub(crate) async fn execute(&self, statement: &'static str) {
        match &self.location {
            Location::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = options.connect().await.unwrap();
                connection.execute(statement).await.unwrap();
                connection.close().await.unwrap();
            }
            Location::Postgres(url) => {
                let mut connection = PgConnection::connect(url.expose_secret()).await.unwrap();
                connection.execute(statement).await.unwrap();
            }
        }
    }

    pub(crate) async fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.location, self.keys()).await
    }
}
