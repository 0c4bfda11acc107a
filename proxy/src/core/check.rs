//! Whether a connection works, whose account it is, and what its credentials are good for.
//!
//! Credentials that do not work are an answer. A provider that cannot be asked proves nothing, and is an error.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    connection::{connector_of, find, must_be_owner},
    connector::Connector,
    input, json, kept,
};
use crate::{
    destination::{Destination, DestinationError},
    error::{Code, Error},
    own::{Own, OwnCall},
    store::{self, Broken, rfc3339},
    sync,
    upstream::{
        self,
        account::{self, Told},
        provider::{Check, QuotaLeft},
    },
};

#[derive(Debug, Serialize)]
struct Checked {
    status: &'static str,
    status_message: Option<String>,
    account: Option<Account>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Scopes>,
    api_version: Option<ApiVersion>,
    quota: Option<Quota>,
}

#[derive(Debug, Serialize)]
struct Account {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Debug, Serialize)]
struct Scopes {
    granted: Option<Vec<String>>,
    missing: BTreeMap<&'static str, Vec<&'static str>>,
}

#[derive(Debug, Serialize)]
struct ApiVersion {
    used: String,
    retires_on: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Quota {
    limit: u64,
    remaining: u64,
    resets_at: Option<String>,
}

impl Checked {
    fn broken(status: Broken, message: String) -> Self {
        Self {
            status: status.status(),
            status_message: Some(message),
            account: None,
            scopes: None,
            api_version: None,
            quota: None,
        }
    }
}

/// What clients of the contract may ask for. Every check asks the provider, so there is nothing that `skipCache` could
/// skip; imports and webhooks of providers are not there, and what a sandbox plays is told to the sandbox.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    #[serde(rename = "skipCache")]
    _skip_cache: Option<bool>,
    #[serde(rename = "import")]
    _import: Option<bool>,
    #[serde(rename = "updateWebhook")]
    _update_webhook: Option<bool>,
    #[serde(rename = "sandboxSimulateUpdate")]
    _sandbox_simulate_update: Option<bool>,
    #[serde(rename = "sandboxSimulateDisconnect")]
    _sandbox_simulate_disconnect: Option<bool>,
}

pub(super) async fn answer(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    must_be_owner(call)?;
    let _: Body = input::optional_body(&call.request)?;
    let connection = find(own, call).await?;
    let checked = match connector_of(own, &connection.connector_name)? {
        Connector::Source(_) => source(own, call, &connection).await?,
        Connector::Postgres | Connector::Sqlite => destination(own, &connection).await?,
    };
    json(&checked)
}

async fn source(
    own: &Own,
    call: &OwnCall,
    connection: &store::Connection,
) -> Result<Checked, Error> {
    let found = match own.directory.find(&connection.id).await {
        Ok(found) => found,
        // Settings that lead nowhere any more, as after a change of its connector config.
        Err(error) if error.code == Code::Conflict => {
            return broke(own, connection, Broken::Error, error.message).await;
        }
        Err(error) => return Err(error),
    };
    let Some(upstream) = found.upstream.clone() else {
        return Err(super::connection::unknown(&connection.id));
    };
    let Some(check) = &upstream.provider.check else {
        return Err(Error::new(
            Code::NotImplemented,
            format!(
                "{} has no call that proves credentials",
                upstream.provider.title
            ),
        ));
    };
    let native = &call.log.native;
    let told = own
        .upstream
        .fixed_call(&upstream, &check.call, call.deadline, native)
        .await;
    let told = match told {
        Ok(told) if told.response.is_success() => told,
        Ok(told) => {
            let error = account::refusal(&upstream, &told.response)?;
            let status = match error.code {
                Code::Unauthorized => Broken::Disconnected,
                _ => Broken::Error,
            };
            return broke(own, connection, status, error.message).await;
        }
        // No token, and none will come: whether for the account's sake or for ours was noted with the refresh.
        Err(error) if error.code == Code::Unauthorized => {
            let now = own
                .store()?
                .connection(&connection.id)
                .await
                .map_err(kept)?;
            let status = match now.and_then(|now| now.status).as_deref() {
                Some("error") => Broken::Error,
                _ => Broken::Disconnected,
            };
            return broke(own, connection, status, error.message).await;
        }
        Err(error) => return Err(error),
    };
    let granted = match own.upstream.granted(&upstream, call.deadline).await {
        Ok(granted) => granted,
        Err(error) => {
            // The credentials work, which is what was asked.
            tracing::info!(connection = %connection.id, %error, "the scopes are not known");
            None
        }
    };
    let (granted, account_name) =
        granted.map_or((None, None), |(scopes, name)| (Some(scopes), name));
    let mut account = whose(own, call, &upstream, check, &told).await;
    if let Some(account) = &mut account {
        account.name = account.name.take().or(account_name);
    }
    own.store()?
        .connection_works(&connection.id)
        .await
        .map_err(kept)?;
    let retires = upstream.provider.versions.retires;
    Ok(Checked {
        status: "healthy",
        status_message: None,
        account,
        scopes: Some(Scopes {
            missing: missing(&upstream, granted.as_deref()),
            granted,
        }),
        api_version: Some(ApiVersion {
            used: upstream.api_version.clone(),
            retires_on: retires
                .iter()
                .find(|(version, _)| *version == upstream.api_version)
                .map(|(_, day)| *day),
        }),
        quota: upstream
            .provider
            .quota(&told.headers)
            .map(|left| quota(left, &told)),
    })
}

/// Whose account it is. What cannot be told is none: it proves nothing.
async fn whose(
    own: &Own,
    call: &OwnCall,
    upstream: &upstream::Connection,
    check: &Check,
    told: &Told,
) -> Option<Account> {
    let place = check.account.as_ref()?;
    let answer = match &place.call {
        None => told.json(),
        Some(fixed) => {
            let asked = own
                .upstream
                .fixed_call(upstream, fixed, call.deadline, &call.log.native)
                .await;
            asked.ok().filter(|told| told.response.is_success())?.json()
        }
    };
    let at = |path: &[&str]| {
        let value = path
            .iter()
            .try_fold(&answer, |value, name| value.get(name))?;
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    };
    Some(Account {
        id: at(place.id),
        name: place.name.and_then(at),
    })
}

/// What each operation lacks; nothing where nobody knows what was granted.
fn missing(
    upstream: &upstream::Connection,
    granted: Option<&[String]>,
) -> BTreeMap<&'static str, Vec<&'static str>> {
    let Some(granted) = granted else {
        return BTreeMap::new();
    };
    let operations = upstream.provider.scopes.iter();
    operations
        .map(|needed| (needed.operation, needed.missing(granted)))
        .filter(|(_, missing)| !missing.is_empty())
        .collect()
}

fn quota(left: QuotaLeft, told: &Told) -> Quota {
    // A window that moves has let go of everything by its length from now.
    let resets_at = left.window_seconds.and_then(|seconds| {
        let window = Duration::from_secs(seconds.into());
        told.response.clock()?.checked_add(window).ok()
    });
    Quota {
        limit: left.limit,
        remaining: left.remaining,
        resets_at: resets_at.map(|time| rfc3339(time.as_millisecond())),
    }
}

async fn destination(own: &Own, connection: &store::Connection) -> Result<Checked, Error> {
    let settings = sync::destination_settings(own, connection).await?;
    // To open it is to write into it: the table of cursors is made, or found to be there.
    let opened = match Destination::open(&settings).await {
        Ok(destination) => {
            let version = destination.server_version().await;
            destination.close().await;
            version
        }
        Err(error) => Err(error),
    };
    match opened {
        Ok(version) => {
            own.store()?
                .connection_works(&connection.id)
                .await
                .map_err(kept)?;
            Ok(Checked {
                status: "healthy",
                status_message: None,
                account: None,
                scopes: None,
                api_version: Some(ApiVersion {
                    used: version,
                    retires_on: None,
                }),
                quota: None,
            })
        }
        Err(error) => {
            let status = match &error {
                DestinationError::Authentication { .. } => Broken::Disconnected,
                _ => Broken::Error,
            };
            broke(own, connection, status, error.to_string()).await
        }
    }
}

async fn broke(
    own: &Own,
    connection: &store::Connection,
    status: Broken,
    message: String,
) -> Result<Checked, Error> {
    own.store()?
        .connection_broke(&connection.id, status, &message)
        .await
        .map_err(kept)?;
    Ok(Checked::broken(status, message))
}
