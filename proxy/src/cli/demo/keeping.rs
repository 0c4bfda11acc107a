//! What the demo keeps while it runs: a store in a folder of its own, with a connector config for everything that can be
//! connected.

use std::path::{Path, PathBuf};

use crosswalk::{
    config::StoreSettings,
    route::Api,
    store::{ConnectorConfigInput, Store, StoreError, keys::KeyRing},
};
use serde_json::{Value, json};

use crate::cli::{
    Failure,
    players::{Player, Playing},
};

/// A folder that goes with the demo.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Nobody else may look into it: what is connected has tokens there, if only a sandbox's.
    pub(super) fn make() -> Result<Self, Failure> {
        let name = format!("crosswalk-demo-{:016x}", rand::random::<u64>());
        let path = std::env::temp_dir().join(name);
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is in a folder for what is temporary.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes the connector configs: `ccfg_hubspot_demo` and so on.
pub(super) async fn fill(
    settings: &StoreSettings,
    api: &Api,
    played: &[Playing],
) -> Result<(), StoreError> {
    let keys = KeyRing::load(settings.keys.clone())?;
    let store = Store::open(&settings.location, keys).await?;
    for playing in played {
        let Player {
            name,
            title,
            client_id,
            client_secret,
            ..
        } = playing.player;
        let mut config = json!({ "client_id": client_id, "base_url": playing.url() });
        let has_logins = api
            .provider(name)
            .is_some_and(|provider| provider.auth.login_url.is_some());
        if has_logins {
            config["login_url"] = playing.url().into();
        }
        let secrets = json!({ "client_secret": client_secret }).to_string();
        let title = format!("{title} (sandbox)");
        keep(&store, name, &title, Some(&config), Some(secrets)).await?;
    }
    keep(&store, "postgres", "PostgreSQL", None, None).await?;
    keep(&store, "sqlite", "SQLite", None, None).await
}

async fn keep(
    store: &Store,
    connector: &str,
    name: &str,
    config: Option<&Value>,
    secrets: Option<String>,
) -> Result<(), StoreError> {
    let secrets = secrets.map(Into::into);
    store
        .upsert_connector_config(&ConnectorConfigInput {
            id: &format!("ccfg_{connector}_demo"),
            connector_name: connector,
            display_name: Some(name),
            disabled: false,
            config,
            secrets: secrets.as_ref(),
            default_pipe_out: None,
            default_pipe_in: None,
        })
        .await
        .map(drop)
}
