//! Connections of a store, and proxies that share it.

use std::time::Duration;

use crosswalk::{
    config::{Limits, Roots},
    connections::Directory,
    store::{self, ConnectionChange, ConnectorConfigInput, Location, NewConnection, Store},
    upstream::Upstream,
};
use http::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _, Row as _};

use crate::{
    place::Place,
    support::{API, Acme, Got, Proxy},
};

pub(crate) const ID: &str = "conn_1";

/// A store with one connection to a scripted provider.
pub(crate) struct Stage {
    pub(crate) place: Place,
    pub(crate) store: Store,
}

/// Credentials with a refresh token, and an access token that ended long ago.
pub(crate) fn old() -> Value {
    oauth(
        "refresh-secret",
        Some(("old-token", "2020-01-01T00:00:00Z")),
    )
}

pub(crate) fn oauth(refresh_token: &str, access: Option<(&str, &str)>) -> Value {
    let mut credentials = json!({ "refresh_token": refresh_token });
    if let Some((token, expires_at)) = access {
        credentials["access_token"] = token.into();
        credentials["expires_at"] = expires_at.into();
    }
    json!({ "oauth": { "credentials": credentials } })
}

impl Stage {
    pub(crate) async fn on(place: Place, acme: &Acme, credentials: &Value) -> Self {
        let store = place.open().await.unwrap();
        let stage = Self { place, store };
        stage.config(false, "id").await;
        let settings = json!({ "shop_url": acme.url(), "login_url": acme.url() });
        stage.connect(ID, &settings, credentials).await;
        stage
    }

    /// The connector config, anew.
    pub(crate) async fn config(&self, disabled: bool, client_id: &str) {
        let input = ConnectorConfigInput {
            id: "ccfg_1",
            connector_name: "acme",
            display_name: None,
            disabled,
            config: Some(&json!({ "client_id": client_id })),
            secrets: Some(
                &json!({ "client_secret": "client-secret" })
                    .to_string()
                    .into(),
            ),
            default_pipe_out: None,
            default_pipe_in: None,
        };
        self.store.upsert_connector_config(&input).await.unwrap();
    }

    pub(crate) async fn connect(&self, id: &str, settings: &Value, credentials: &Value) {
        let new = NewConnection {
            id,
            connector_config_id: "ccfg_1",
            connector_name: "acme",
            customer_id: Some("customer"),
            integration_id: None,
            display_name: None,
            disabled: false,
            settings: Some(settings),
            metadata: None,
            status: None,
            credentials: Some(&credentials.to_string().into()),
        };
        self.store.insert_connection(&new).await.unwrap();
    }

    pub(crate) async fn change(&self, change: ConnectionChange) {
        let changed = self.store.update_connection(ID, &change).await.unwrap();
        assert!(changed.is_some());
    }

    pub(crate) async fn give(&self, credentials: &Value) {
        self.change(ConnectionChange {
            credentials: Some(credentials.to_string().into()),
            ..ConnectionChange::default()
        })
        .await;
    }

    pub(crate) async fn row(&self) -> store::Connection {
        self.store.connection(ID).await.unwrap().unwrap()
    }

    /// What is kept of the credentials.
    pub(crate) async fn kept(&self) -> Value {
        let json = self.store.credentials(&self.row().await).await.unwrap();
        let json: Value = serde_json::from_str(json.unwrap().expose_secret()).unwrap();
        json["oauth"]["credentials"].clone()
    }

    /// The names of all events, in their order.
    pub(crate) async fn events(&self) -> Vec<String> {
        let mut connection = self.database().await;
        let rows = sqlx::query("SELECT name FROM events ORDER BY seq")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        rows.iter().map(|row| row.get("name")).collect()
    }

    pub(crate) async fn database(&self) -> AnyConnection {
        AnyConnection::connect(&self.url()).await.unwrap()
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.place.location, Location::Sqlite(_))
    }

    fn url(&self) -> String {
        match &self.place.location {
            Location::Sqlite(path) => format!("sqlite:{}", path.display()),
            Location::Postgres(url) => url.expose_secret().to_owned(),
        }
    }

    /// Another sidecar.
    pub(crate) async fn proxy(&self) -> Proxy {
        self.proxy_with("limits: { calls_in_flight: 2000, connections: 2000 }\n")
            .await
    }

    /// Another sidecar, with the rest of its configuration.
    pub(crate) async fn proxy_with(&self, rest: &str) -> Proxy {
        let text = format!(
            "store: \"{}\"\nstore_key: \"file:{}\"\n{rest}",
            self.url(),
            self.place.key_file().display()
        );
        Proxy::start(&text).await
    }

    /// What a sidecar has inside.
    pub(crate) fn directory(&self) -> (Upstream, Directory) {
        let upstream = Upstream::new(&Limits::default(), Roots::Bundled).unwrap();
        let store = Some(self.store.clone());
        let directory = Directory::new(API, upstream.clone(), [], store, &Limits::default());
        (upstream, directory)
    }
}

/// One call for a connection.
pub(crate) async fn get(proxy: &Proxy, id: &str) -> Got {
    let mut request = proxy.ask(Method::GET, "/unified/thing/1", "");
    request
        .headers_mut()
        .insert("x-connection-id", id.parse().unwrap());
    proxy.send(request).await
}

/// Waits until something is so.
pub(crate) async fn until<F: Future<Output = bool>>(mut is_so: impl FnMut() -> F) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.expect("it became so");
}
