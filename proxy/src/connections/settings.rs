//! From a row of the store to what a connection is made of.
//!
//! What a connection says goes before what its connector config says. The checks are those of the configuration: a row
//! was checked when it was written, and is checked again, since what is allowed may have changed with the version.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    config::{
        self, Credentials, OAuth,
        given::{self, Given, Wrong},
    },
    error::{Code, Error, Issue},
    store,
    translate::ConnectionSettings,
    upstream::{
        Kept,
        provider::{BaseUrl, Provider},
    },
};

/// What is read of a connection.
#[derive(Debug)]
pub(super) struct Stored<'a> {
    pub(super) provider: &'static Provider,
    pub(super) connection: &'a store::Connection,
    /// What its connector config says in the open.
    pub(super) config: Option<&'a Value>,
    pub(super) config_secrets: Option<SecretString>,
    pub(super) kept: &'a Kept,
    pub(super) cursor_key: &'a [u8; 32],
}

#[derive(Deserialize)]
struct Client {
    client_secret: Option<String>,
}

impl Stored<'_> {
    /// The connection as the configuration would have it.
    pub(super) fn connection(&self) -> Result<config::Connection, Error> {
        let id = &self.connection.id;
        let provider = self.provider;
        let credentials = self.credentials()?;
        let settings = |name: &str| self.connection.settings.as_ref()?.get(name)?.as_str();
        let config = |name: &str| self.config?.get(name)?.as_str();
        let own_url = match provider.base_url {
            BaseUrl::Fixed(_) => None,
            BaseUrl::PerConnection { setting, .. } => settings(setting),
        };
        let given = Given {
            provider,
            api_version: settings("api_version").or_else(|| config("api_version")),
            login_url: settings("login_url").or_else(|| config("login_url")),
            // An account's own place goes before the one that is said of all.
            base_url: settings("base_url")
                .or_else(|| config("base_url").filter(|_| own_url.is_none())),
            own_url,
            has_oauth: matches!(credentials, Credentials::OAuth(_)),
        };
        let settled = given::settle(&given).map_err(|wrong| unusable(id, wrong))?;
        let cursor_key = settled.cursor_key(self.cursor_key, id);
        Ok(config::Connection {
            provider,
            api_version: settled.api_version,
            base_url: settled.base_url,
            token_url: settled.token_url,
            credentials,
            settings: Arc::new(ConnectionSettings {
                id: id.clone(),
                roots: settled.roots.into(),
                cursor_key,
            }),
        })
    }

    fn credentials(&self) -> Result<Credentials, Error> {
        let id = &self.connection.id;
        let Some(refresh_token) = self.kept.refresh_token.clone() else {
            let access_token = self.kept.access_token.clone();
            return access_token
                .map(Credentials::AccessToken)
                .ok_or_else(|| no_credentials(id));
        };
        let Some(client_id) = self
            .config
            .and_then(|config| config.get("client_id")?.as_str())
        else {
            let wrong = Wrong {
                key: Some("oauth"),
                message: "the connector config has no client_id, without which no token can be renewed; set its config".to_owned(),
            };
            return Err(unusable(id, vec![wrong]));
        };
        let client_secret = match &self.config_secrets {
            Some(json) => {
                let client: Client = serde_json::from_str(json.expose_secret()).map_err(|_| {
                    Error::new(
                        Code::InternalServerError,
                        "the secrets of the connector config cannot be read",
                    )
                })?;
                client.client_secret.map(SecretString::from)
            }
            None => None,
        };
        Ok(Credentials::OAuth(OAuth {
            client_id: client_id.to_owned(),
            client_secret,
            refresh_token,
            access_token: self.kept.access_token.clone(),
        }))
    }
}

pub(super) fn no_credentials(id: &str) -> Error {
    let wrong = Wrong {
        key: None,
        message: "expected access_token, or oauth with credentials; connect the account again"
            .to_owned(),
    };
    unusable(id, vec![wrong])
}

/// The connection is there and cannot be used until somebody changes it.
fn unusable(id: &str, wrong: Vec<Wrong>) -> Error {
    let issues: Vec<_> = wrong
        .into_iter()
        .map(|wrong| Issue {
            message: wrong.message,
            path: Some(match wrong.key {
                Some(key) => format!("settings.{key}"),
                None => "settings".to_owned(),
            }),
        })
        .collect();
    let told: Vec<_> = issues
        .iter()
        .map(|issue| {
            let path = issue.path.as_deref().unwrap_or_default();
            format!("{path}: {}", issue.message)
        })
        .collect();
    let mut error = Error::new(
        Code::Conflict,
        format!(
            "connection `{id}` cannot be used, update it first; {}",
            told.join("; ")
        ),
    );
    error.issues = issues;
    error
}
