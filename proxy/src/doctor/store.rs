//! The store: whether it can be reached and written, how old its tables are, and whether the key opens it.

use std::{path::Path, sync::Arc};

use super::{Finding, Found, Group, Options, State};
use crate::{
    config::{Config, StoreSettings},
    store::{
        self, ConnectionFilter, Location, Store,
        keys::{KeyRing, KeySource},
        look::{Look, look},
    },
};

/// Connections of the store that are looked at, unless some are named: each costs a call to its provider.
const MOST: i64 = 50;

/// What was found, and the store where it can be used as it is.
pub(super) struct Examined {
    pub(super) findings: Found,
    pub(super) store: Option<Store>,
}

impl Examined {
    /// Nothing came back.
    pub(super) fn silent() -> Self {
        let finding = Finding::new(
            Group::Store,
            "store",
            State::Fail,
            "the database does not answer",
        )
        .help("see that its server runs and is not overloaded");
        Self {
            findings: vec![finding],
            store: None,
        }
    }
}

/// The connections of the store that are to be looked at.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) findings: Found,
    pub(super) connections: Vec<store::Connection>,
}

pub(super) async fn examine(config: &Arc<Config>) -> Examined {
    let Some(settings) = &config.state.store else {
        let none = "nothing is kept (`store: none`): no connections but those of the configuration, no pipelines";
        return Examined {
            findings: vec![Finding::new(Group::Store, "store", State::Ok, none)],
            store: None,
        };
    };
    let ring = match KeyRing::load(settings.keys.clone()) {
        Ok(ring) => ring,
        Err(error) => {
            let finding = key_finding(settings, State::Fail, error.to_string())
                .help("put the key back from its copy, or name its place by `store_key`");
            return Examined {
                findings: vec![finding],
                store: None,
            };
        }
    };
    let looked = match look(&settings.location, &ring).await {
        Ok(looked) => looked,
        Err(error) => {
            let finding = place_finding(settings, State::Fail, error.to_string()).help(match settings.location {
                Location::Sqlite(_) => "see that the file is one of SQLite, and that the user that the proxy runs as may read and write it",
                Location::Postgres(_) => "see that the server runs and `store` has its right address, user and password",
            });
            return Examined {
                findings: vec![finding],
                store: None,
            };
        }
    };
    let Some(looked) = looked else {
        let message = "not there yet; the first `crosswalk serve` makes it, and its key";
        return Examined {
            findings: vec![place_finding(settings, State::Ok, message)],
            store: None,
        };
    };
    let findings = judged(settings, &looked);
    let is_usable = looked.version == looked.newest
        && looked.has_secrets
        && findings.iter().all(|finding| finding.state != State::Fail);
    // Opened for what is in it: tables are up to date and the key fits, so that this changes nothing.
    let store = if is_usable {
        Store::open(&settings.location, ring).await.ok()
    } else {
        None
    };
    Examined { findings, store }
}

fn judged(settings: &StoreSettings, looked: &Look) -> Found {
    let mut findings = Vec::new();
    let Look {
        version, newest, ..
    } = looked;
    findings.push(match version.cmp(newest) {
        _ if looked.read_only.is_some() => {
            let reason = looked.read_only.as_deref().unwrap_or_default();
            let message = format!("can be read and not written: {reason}");
            place_finding(settings, State::Fail, message).help("give the user that the proxy runs as the right to write, and see that the database is no replica")
        }
        std::cmp::Ordering::Equal => {
            place_finding(settings, State::Ok, format!("can be read and written; tables of version {version}"))
        }
        std::cmp::Ordering::Less => {
            let message = format!("tables of version {version}, of {newest} that this program knows");
            place_finding(settings, State::Warn, message).help("the next `crosswalk serve` brings them up to date; make a copy of the store before")
        }
        std::cmp::Ordering::Greater => {
            let message = format!("tables of version {version}, of which this program knows {newest}");
            place_finding(settings, State::Fail, message)
                .help("a newer Crosswalk has used this store; use that one, or go back to a copy from before")
        }
    });
    findings.push(match &looked.key {
        Some(error) => key_finding(settings, State::Fail, error.to_string()).help(
            "put the key back from its copy; without it the secrets in the store cannot be opened",
        ),
        None if looked.has_secrets => match others_can_read(settings) {
            Some(mode) => key_finding(
                settings,
                State::Warn,
                format!("opens the store; others may read it (mode {mode:03o})"),
            )
            .help("`chmod 600` it"),
            None => key_finding(
                settings,
                State::Ok,
                "opens the store; see that there is a copy of it elsewhere",
            ),
        },
        None => key_finding(settings, State::Ok, "nothing is sealed in the store yet"),
    });
    findings
}

/// The store, without what may be a password.
fn place_finding(settings: &StoreSettings, state: State, message: impl Into<String>) -> Finding {
    let subject = match &settings.location {
        Location::Sqlite(path) => path.display().to_string(),
        Location::Postgres(_) => "PostgreSQL".to_owned(),
    };
    Finding::new(Group::Store, subject, state, message)
}

fn key_finding(settings: &StoreSettings, state: State, message: impl Into<String>) -> Finding {
    let subject = match &settings.keys {
        KeySource::File(path) => format!("store_key {}", path.display()),
        KeySource::Text(_) => "store_key".to_owned(),
    };
    Finding::new(Group::Store, subject, state, message)
}

/// The mode of the key's file, where others than its owner may read it.
fn others_can_read(settings: &StoreSettings) -> Option<u32> {
    let KeySource::File(path) = &settings.keys else {
        return None;
    };
    let mode = mode(path)?;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(path).ok()?;
    Some(metadata.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode(_: &Path) -> Option<u32> {
    None
}

/// Those that were named, or the newest.
pub(super) async fn connections(store: &Store, options: &Options) -> Kept {
    let mut kept = Kept::default();
    if options.connections.is_empty() {
        // One more than are looked at, so that it is known whether there are more.
        match store
            .connections(ConnectionFilter::default(), MOST + 1, 0)
            .await
        {
            Ok(found) => kept.connections = found,
            Err(error) => kept.findings.push(unread(&error)),
        }
        let most = usize::try_from(MOST).unwrap_or(usize::MAX);
        if kept.connections.len() > most {
            kept.connections.truncate(most);
            let message =
                format!("only the {MOST} newest of the store's connections are looked at");
            let finding = Finding::new(Group::Connections, "others", State::Skipped, message);
            kept.findings
                .push(finding.help("--connection names others"));
        }
        return kept;
    }
    for id in &options.connections {
        match store.connection(id).await {
            Ok(found) => kept.connections.extend(found),
            Err(error) => kept.findings.push(unread(&error)),
        }
    }
    kept
}

fn unread(error: &store::StoreError) -> Finding {
    Finding::new(Group::Connections, "store", State::Fail, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &Path) -> StoreSettings {
        StoreSettings {
            location: Location::Sqlite(folder.join("crosswalk.db")),
            keys: KeySource::File(folder.join("store.key")),
        }
    }

    async fn examined(settings: &StoreSettings) -> Found {
        let text = "store: none\napi_keys: [k]\n";
        let mut config =
            crate::config::parse("test", text, &crate::generated::API, &|_| None).unwrap();
        config.state.store = Some(settings.clone());
        examine(&Arc::new(config)).await.findings
    }

    fn states(found: &Found) -> Vec<State> {
        found.iter().map(|finding| finding.state).collect()
    }

    #[tokio::test]
    async fn a_store_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let found = examined(&settings(folder.path())).await;
        assert_eq!(states(&found), [State::Ok], "{found:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_store_is_as_good_as_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let ring = KeyRing::load(settings.keys.clone()).unwrap();
        let store = Store::open(&settings.location, ring).await.unwrap();
        store.installation_secret("test").await.unwrap();
        let found = examined(&settings).await;
        assert_eq!(states(&found), [State::Ok, State::Ok], "{found:?}");

        let key = folder.path().join("store.key");
        let good = std::fs::read(&key).unwrap();
        std::fs::write(&key, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").unwrap();
        let found = examined(&settings).await;
        assert_eq!(states(&found), [State::Ok, State::Fail], "{found:?}");
        assert!(found[1].help.is_some());

        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::write(&key, good).unwrap();
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
            let found = examined(&settings).await;
            assert_eq!(states(&found), [State::Ok, State::Warn], "{found:?}");
        }
    }

    #[tokio::test]
    async fn tables_of_another_version_are_told_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let ring = KeyRing::load(settings.keys.clone()).unwrap();
        let store = Store::open(&settings.location, ring).await.unwrap();
        for (sql, state) in [
            (
                "DELETE FROM _sqlx_migrations WHERE version > 1",
                State::Warn,
            ),
            ("UPDATE _sqlx_migrations SET version = 9999", State::Fail),
        ] {
            sqlx::query(sql).execute(store.pool()).await.unwrap();
            let found = examined(&settings).await;
            assert_eq!(found[0].state, state, "{found:?}");
        }
    }
}
