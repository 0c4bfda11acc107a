//! Where the stores of the tests are.

use std::path::PathBuf;

use crosswalk::store::{
    Location, Store, StoreError,
    keys::{KeyRing, KeySource},
};
use crosswalk_tests::Postgres;

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

    pub(crate) async fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.location, self.keys()).await
    }
}
