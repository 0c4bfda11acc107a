//! Connections: a customer's account at a provider, or a database.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::{
    connector::{Connector, Parted, Under, merged_settings},
    connector_config,
    input::{self, Faults, Query},
    json, kept,
};
use crate::{
    error::{Code, Error},
    own::{Own, OwnCall},
    store::{self, ConnectionChange, ConnectionFilter, NewConnection, Store, new_id},
    translate::patch::Patch,
};

mod answer;
mod delete;
mod pipes;

pub(super) use delete::delete;

use answer::{Connection, Expand};

pub(super) const PREFIX: &str = "conn_";
const INTEGRATION_PREFIX: &str = "int_";
/// How often a change is tried that another one came before.
const TRIES: usize = 5;

pub(super) async fn list(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    let mut query = Query::new(&call.request);
    let (limit, offset) = query.page();
    let customer_id = query.own_id("customerId");
    let filter = ConnectionFilter {
        customer_id,
        connector_config_id: query.prefixed("connectorConfigId", connector_config::PREFIX),
        connector_name: query.text("connectorName"),
    };
    let is_forced = query.flag("forceRefresh");
    let expand = Expand::read(&mut query);
    query.end()?;
    must_be_own(call, customer_id, "query.customerId")?;
    let filter = ConnectionFilter {
        customer_id: call.caller.customer().or(customer_id),
        ..filter
    };
    let store = own.store()?;
    let mut connections = store
        .connections(filter, limit, offset)
        .await
        .map_err(kept)?;
    if is_forced {
        refresh(own, call, &connections).await;
        connections = store
            .connections(filter, limit, offset)
            .await
            .map_err(kept)?;
    }
    let answer: Vec<_> = connections
        .iter()
        .map(|it| Connection::new(own, it, expand))
        .collect();
    json(&answer)
}

pub(super) async fn get(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    let mut query = Query::new(&call.request);
    let is_forced = query.flag("forceRefresh");
    let expand = Expand::read(&mut query);
    query.end()?;
    let mut connection = find(own, call).await?;
    if is_forced {
        refresh(own, call, std::slice::from_ref(&connection)).await;
        connection = find(own, call).await?;
    }
    json(&Connection::new(own, &connection, expand).with_config(own))
}

/// Renews the tokens of connections, some side by side. Where that fails the connection's status says so, and it is
/// still shown.
async fn refresh(own: &Own, call: &OwnCall, connections: &[store::Connection]) {
    let mut refreshes = JoinSet::new();
    for connection in connections {
        let Ok(found) = own.directory.connection(&connection.id).await else {
            continue;
        };
        let Some(connection) = found.upstream.clone() else {
            continue;
        };
        if refreshes.len() >= own.limits.now().native_calls_side_by_side {
            refreshes.join_next().await;
        }
        let (upstream, deadline) = (Arc::clone(&own.upstream), call.deadline);
        refreshes.spawn(async move {
            if let Err(error) = upstream.refresh(&connection, deadline).await {
                tracing::info!(connection = %connection.settings.id, %error, "the token was not renewed");
            }
        });
    }
    refreshes.join_all().await;
}

/// The connection that a path names, where the caller may know of it.
pub(super) async fn find(own: &Own, call: &OwnCall) -> Result<store::Connection, Error> {
    let id = input::path_id(&call.request, PREFIX)?;
    let found = own.store()?.connection(id).await.map_err(kept)?;
    found
        // To a customer, another's connection is as one that does not exist.
        .filter(|it| is_visible(call, it))
        .ok_or_else(|| unknown(id))
}

pub(super) fn is_visible(call: &OwnCall, connection: &store::Connection) -> bool {
    let customer = call.caller.customer();
    customer.is_none_or(|own| connection.customer_id.as_deref() == Some(own))
}

pub(super) fn unknown(id: &str) -> Error {
    Error::not_found(format!("there is no connection {id}"))
}

/// Refuses what a customer says of another.
fn must_be_own(call: &OwnCall, customer_id: Option<&str>, path: &str) -> Result<(), Error> {
    match (call.caller.customer(), customer_id) {
        (Some(own), Some(other)) if own != other => {
            let mut error = Error::new(
                Code::Forbidden,
                "a connect token is for its own customer and no other",
            );
            error.blame(path);
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Refuses API keys that may only look. Customers do as they like with what is theirs.
pub(super) fn must_be_owner(call: &OwnCall) -> Result<(), Error> {
    match call.caller.customer() {
        Some(_) => Ok(()),
        None => call.caller.must_be_admin(),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    connector_config_id: String,
    settings: Option<Map<String, Value>>,
    display_name: Option<String>,
    customer_id: Option<String>,
    disabled: Option<bool>,
    metadata: Option<Value>,
    integration_id: Option<String>,
}

pub(super) async fn create(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    must_be_owner(call)?;
    let store = own.store()?;
    let body: Create = input::body(&call.request)?;
    let mut faults = Faults::default();
    faults.prefixed(
        "body.connectorConfigId",
        connector_config::PREFIX,
        Some(&body.connector_config_id),
    );
    faults.own_id("body.customerId", body.customer_id.as_deref());
    faults.name("body.displayName", body.display_name.as_deref());
    faults.prefixed(
        "body.integrationId",
        INTEGRATION_PREFIX,
        body.integration_id.as_deref(),
    );
    must_be_own(call, body.customer_id.as_deref(), "body.customerId")?;
    let config = store
        .connector_config(&body.connector_config_id)
        .await
        .map_err(kept)?;
    let Some(config) = config else {
        if body
            .connector_config_id
            .starts_with(connector_config::PREFIX)
        {
            faults.add("body.connectorConfigId", "no connector config has this id");
        }
        return Err(only(faults));
    };
    let connector = connector_of(own, &config.connector_name)?;
    let under = Under {
        config: config.config.as_ref(),
        by_customer: call.caller.customer().is_some(),
        has_credentials: false,
        has_oauth: false,
    };
    let parted = connector.settings(body.settings.unwrap_or_default(), under, &mut faults);
    faults.end()?;
    if config.disabled {
        return Err(Error::new(
            Code::Conflict,
            format!("the connector config {} is disabled", config.id),
        ));
    }
    if call.caller.customer().is_some() && !connector.is_source() {
        return Err(Error::new(
            Code::Forbidden,
            "a connect token connects accounts at providers; a destination needs an API key",
        ));
    }
    let id = new_id("conn");
    let new = NewConnection {
        id: &id,
        connector_config_id: &config.id,
        connector_name: &config.connector_name,
        customer_id: call.caller.customer().or(body.customer_id.as_deref()),
        integration_id: body.integration_id.as_deref(),
        display_name: body.display_name.as_deref(),
        disabled: body.disabled.unwrap_or(false),
        settings: parted.visible.as_ref(),
        metadata: body.metadata.as_ref(),
        status: None,
        credentials: parted.secret.as_ref(),
    };
    keep(own, &new).await?;
    json(&id)
}

/// Keeps a new connection, with the pipelines that its connector config wants for each, and that it was made.
pub async fn keep(own: &Own, new: &NewConnection<'_>) -> Result<store::Connection, Error> {
    let store = own.store()?;
    let mut transaction = store.begin().await.map_err(kept)?;
    let connection = store
        .insert_connection_in(&mut transaction, new)
        .await
        .map_err(kept)?;
    pipes::make(store, &mut transaction, &connection).await?;
    store
        .add_event_in(
            &mut transaction,
            "connection.created",
            &event_data(&connection),
            connection.customer_id.as_deref(),
        )
        .await
        .map_err(kept)?;
    transaction.commit().await.map_err(|it| kept(it.into()))?;
    Ok(connection)
}

/// Makes the pipelines that a connector config wants for each connection, for one that was kept in another way.
pub async fn make_pipelines(own: &Own, connection: &store::Connection) -> Result<(), Error> {
    let store = own.store()?;
    let mut transaction = store.begin().await.map_err(kept)?;
    pipes::make(store, &mut transaction, connection).await?;
    transaction.commit().await.map_err(|it| kept(it.into()))
}

/// What events about a connection tell.
pub(super) fn event_data(connection: &store::Connection) -> Value {
    json!({
        "connection_id": connection.id,
        "connector_name": connection.connector_name,
        "status": connection.status,
        "status_message": connection.status_message,
    })
}

/// The faults, of which there is at least one.
fn only(faults: Faults) -> Error {
    faults
        .end()
        .err()
        .unwrap_or_else(|| Error::bad_request("the request cannot be carried out"))
}

/// The connector of something that is kept.
pub(super) fn connector_of(own: &Own, name: &str) -> Result<Connector, Error> {
    Connector::named(&own.api, name).ok_or_else(|| {
        Error::new(
            Code::NotImplemented,
            format!("this version of Crosswalk has no connector `{name}`"),
        )
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    settings: Option<Map<String, Value>>,
    #[serde(default)]
    display_name: Patch<String>,
    #[serde(default)]
    metadata: Patch<Value>,
    disabled: Option<bool>,
    #[serde(default)]
    customer_id: Patch<String>,
    #[serde(default)]
    integration_id: Patch<String>,
}

/// What is given is changed: settings and metadata member by member, all else as a whole.
pub(super) async fn update(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    call.caller.must_be_admin()?;
    let store = own.store()?;
    let id = input::path_id(&call.request, PREFIX)?;
    let body: Update = input::body(&call.request)?;
    for _ in 0..TRIES {
        let old = store.connection(id).await.map_err(kept)?;
        let old = old.ok_or_else(|| unknown(id))?;
        let mut faults = Faults::default();
        body.check(&mut faults);
        let parted = match &body.settings {
            Some(settings) => {
                Some(new_settings(own, store, &old, settings.clone(), &mut faults).await?)
            }
            None => None,
        };
        faults.end()?;
        let change = body.change(parted);
        if let Some(connection) = change_unless_changed(store, &old, &change).await? {
            own.directory.forget(id);
            return json(&Connection::new(own, &connection, Expand::default()));
        }
    }
    Err(Error::new(
        Code::Conflict,
        "others change this connection at the same time; try again",
    ))
}

impl Update {
    fn check(&self, faults: &mut Faults) {
        let text = |member: &Patch<String>| member.value().cloned();
        faults.name("body.displayName", text(&self.display_name).as_deref());
        faults.own_id("body.customerId", text(&self.customer_id).as_deref());
        faults.prefixed(
            "body.integrationId",
            INTEGRATION_PREFIX,
            text(&self.integration_id).as_deref(),
        );
    }

    fn change(&self, parted: Option<Parted>) -> ConnectionChange {
        let (settings, credentials) = match parted {
            Some(parted) => (
                Some(parted.visible.unwrap_or_else(|| json!({}))),
                parted.secret,
            ),
            None => (None, None),
        };
        ConnectionChange {
            display_name: input::change(self.display_name.clone()),
            customer_id: input::change(self.customer_id.clone()),
            integration_id: input::change(self.integration_id.clone()),
            disabled: self.disabled,
            metadata: input::metadata(self.metadata.clone()),
            settings,
            credentials,
        }
    }
}

async fn new_settings(
    own: &Own,
    store: &Store,
    old: &store::Connection,
    given: Map<String, Value>,
    faults: &mut Faults,
) -> Result<Parted, Error> {
    let connector = connector_of(own, &old.connector_name)?;
    let config = store.connector_config(&old.connector_config_id).await;
    let config = config.map_err(kept)?;
    let credentials = store.credentials(old).await.map_err(kept)?;
    let has_oauth = credentials.as_ref().is_some_and(is_oauth);
    let under = Under {
        config: config.as_ref().and_then(|it| it.config.as_ref()),
        by_customer: false,
        has_credentials: credentials.is_some(),
        has_oauth,
    };
    let merged = merged_settings(old.settings.as_ref(), given);
    Ok(connector.settings(merged, under, faults))
}

/// Whether credentials can be renewed.
pub(super) fn is_oauth(credentials: &secrecy::SecretString) -> bool {
    use secrecy::ExposeSecret as _;
    serde_json::from_str::<Value>(credentials.expose_secret())
        .is_ok_and(|credentials| credentials.get("oauth").is_some())
}

/// Changes a connection unless it is not any more as it was read.
async fn change_unless_changed(
    store: &Store,
    old: &store::Connection,
    change: &ConnectionChange,
) -> Result<Option<store::Connection>, Error> {
    let mut transaction = store.begin().await.map_err(kept)?;
    let now = store
        .locked_connection(&mut transaction, &old.id)
        .await
        .map_err(kept)?;
    match now {
        None => return Err(unknown(&old.id)),
        Some(now) if now.version != old.version => return Ok(None),
        Some(_) => {}
    }
    let connection = store
        .update_connection_in(&mut transaction, old, change)
        .await
        .map_err(kept)?;
    store
        .add_event_in(
            &mut transaction,
            "connection.updated",
            &event_data(&connection),
            connection.customer_id.as_deref(),
        )
        .await
        .map_err(kept)?;
    transaction.commit().await.map_err(|it| kept(it.into()))?;
    Ok(Some(connection))
}
