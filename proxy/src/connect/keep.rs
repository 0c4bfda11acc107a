//! From what a provider granted to a connection of the store.
//!
//! Whose account it is decides which connection that is: a new one, or one that is there already. The provider is asked by
//! the same operations that callers have, as the customer.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::{
    PageCall,
    consent::{Pending, unusable},
    failed,
    overview::{self, Offer},
    visit::Visit,
};
use crate::{
    auth::{Principal, Scope},
    core,
    error::{Code, Error},
    log::CallLog,
    own::{Own, OwnCall},
    route::UnifiedRequest,
    store::{Connection, ConnectionChange, ConnectionFilter, NewConnection, new_id},
    upstream::{CodeGrant, NativeLog, provider::BaseUrl},
};

/// More than any customer has; whatever can grow has a bound.
const MOST_COMPARED: i64 = 100;

/// Keeps what was granted, and tells everybody. The connection's id.
///
/// It is a new connection first, and nobody is told of it: with it the provider is asked whose account it is. Where that
/// one is connected already, the old connection gets the new credentials.
pub(super) async fn keep(
    own: &Own,
    visit: &Visit,
    offer: &Offer,
    pending: &Pending,
    granted: CodeGrant,
    call: &PageCall,
) -> Result<String, Error> {
    let store = own.store()?;
    let settings = settings(offer, pending, &granted);
    let id = new_id("conn");
    let new = NewConnection {
        id: &id,
        connector_config_id: &offer.config.id,
        connector_name: offer.provider.name,
        customer_id: Some(&visit.customer),
        integration_id: None,
        display_name: None,
        disabled: false,
        settings: Some(&Value::Object(settings.clone())),
        metadata: None,
        status: Some("healthy"),
        credentials: Some(&credentials(&granted)),
    };
    let connection = store.insert_connection(&new).await.map_err(failed)?;
    let checked = check(own, visit, &id, call).await;
    let old = match &pending.connection {
        Some(old) => Some(overview::connection(own, visit, old).await?.0),
        None => same_account(own, visit, &connection, &checked).await?,
    };
    let Some(old) = old else {
        note(own, &id, &checked).await?;
        core::make_pipelines(own, &connection).await?;
        tell(own, "connection.created", &connection).await?;
        tell(own, "connect.completed", &connection).await?;
        return Ok(id);
    };
    // The check may have renewed them.
    let kept = store.connection(&id).await.map_err(failed)?;
    let kept = kept.as_ref().unwrap_or(&connection);
    let credentials = store.credentials(kept).await.map_err(failed)?;
    let credentials = credentials.ok_or_else(|| unusable("the new credentials are gone"))?;
    store.delete_connection(&id).await.map_err(failed)?;
    if let (Some(was), Some(is)) = (
        account_id(old.settings.as_ref()),
        account_id(Some(&checked)),
    ) && was != is
    {
        // What was set up with the old account must not go on with the data of another one.
        return Err(Error::new(
            Code::Conflict,
            format!(
                "this is another account of {}; sign in to the one that was connected before, or connect this one as a further one",
                offer.provider.title
            ),
        ));
    }
    renew(own, &old, settings, credentials).await?;
    note(own, &old.id, &checked).await?;
    Ok(old.id)
}

/// The provider's id of an account, as a check tells it and as it is noted.
fn account_id(told: Option<&Value>) -> Option<&Value> {
    told?.pointer("/account/id").filter(|id| !id.is_null())
}

/// What is no secret of what was granted, and where it was.
fn settings(offer: &Offer, pending: &Pending, granted: &CodeGrant) -> Map<String, Value> {
    let mut settings = Map::new();
    if let BaseUrl::PerConnection { setting, .. } = &offer.provider.base_url
        && let Some(url) = &granted.base_url
    {
        let url = url.origin().ascii_serialization();
        settings.insert((*setting).to_owned(), url.into());
    }
    if let Some(login) = &pending.login_url {
        settings.insert("login_url".to_owned(), login.as_str().into());
    }
    if let Some(scopes) = &granted.scopes {
        settings.insert("scopes".to_owned(), json!(scopes));
    }
    settings
}

/// As connections of the API have them.
fn credentials(granted: &CodeGrant) -> SecretString {
    let mut credentials = Map::new();
    if let Some(token) = &granted.refresh_token {
        credentials.insert("refresh_token".to_owned(), token.expose_secret().into());
    }
    credentials.insert(
        "access_token".to_owned(),
        granted.access_token.expose_secret().into(),
    );
    let ends = granted.lifetime.and_then(|lifetime| {
        let lifetime = SignedDuration::try_from(lifetime).ok()?;
        Timestamp::now().checked_add(lifetime).ok()
    });
    if let Some(ends) = ends {
        credentials.insert("expires_at".to_owned(), format!("{ends:.0}").into());
    }
    json!({ "oauth": { "credentials": credentials } })
        .to_string()
        .into()
}

/// Gives an old connection new credentials.
async fn renew(
    own: &Own,
    old: &Connection,
    new: Map<String, Value>,
    credentials: SecretString,
) -> Result<(), Error> {
    let store = own.store()?;
    let change = ConnectionChange {
        settings: Some(merged(old, new)),
        credentials: Some(credentials),
        ..ConnectionChange::default()
    };
    let changed = store
        .update_connection(&old.id, &change)
        .await
        .map_err(failed)?;
    let connection =
        changed.ok_or_else(|| Error::not_found("there is no such connection (any more)"))?;
    store
        .set_connection_status(&old.id, "healthy", None)
        .await
        .map_err(failed)?;
    // A connection that was well has only been given new credentials.
    let was_ill = old
        .status
        .as_deref()
        .is_some_and(|status| status != "healthy");
    let name = if was_ill {
        "connection.repaired"
    } else {
        "connection.updated"
    };
    tell(own, name, &connection).await?;
    tell(own, "connect.completed", &connection).await
}

fn merged(connection: &Connection, new: Map<String, Value>) -> Value {
    let mut settings = match &connection.settings {
        Some(Value::Object(settings)) => settings.clone(),
        _ => Map::new(),
    };
    settings.extend(new);
    Value::Object(settings)
}

/// Notes what a check has told: whose account it is, for people and for the next time, and what it allows.
async fn note(own: &Own, id: &str, checked: &Value) -> Result<(), Error> {
    let mut told = Map::new();
    if let Some(account) = checked.get("account").filter(|it| it.is_object()) {
        told.insert("account".to_owned(), account.clone());
    }
    if let Some(scopes) = checked
        .pointer("/scopes/granted")
        .filter(|it| it.is_array())
    {
        told.insert("scopes".to_owned(), scopes.clone());
    }
    let store = own.store()?;
    let connection = store.connection(id).await.map_err(failed)?;
    let Some(connection) = connection.filter(|_| !told.is_empty()) else {
        return Ok(());
    };
    let change = ConnectionChange {
        settings: Some(merged(&connection, told)),
        ..ConnectionChange::default()
    };
    let changed = store.update_connection(id, &change).await;
    changed.map(drop).map_err(failed)
}

/// The customer's connection to the same account, where there is one already.
async fn same_account(
    own: &Own,
    visit: &Visit,
    new: &Connection,
    checked: &Value,
) -> Result<Option<Connection>, Error> {
    let Some(account) = account_id(Some(checked)) else {
        return Ok(None);
    };
    let filter = ConnectionFilter {
        customer_id: Some(&visit.customer),
        connector_config_id: Some(&new.connector_config_id),
        ..ConnectionFilter::default()
    };
    let known = own
        .store()?
        .connections(filter, MOST_COMPARED, 0)
        .await
        .map_err(failed)?;
    Ok(known
        .into_iter()
        .find(|known| known.id != new.id && account_id(known.settings.as_ref()) == Some(account)))
}

/// Proves the new credentials by the same operation that callers have; whose account it is comes with it. A failure
/// is no reason to lose what was just granted: the connection's status tells it.
async fn check(own: &Own, visit: &Visit, id: &str, call: &PageCall) -> Value {
    let answer = within(own, visit, "core.connection.check", id, b"{}", call);
    answer.await.unwrap_or_default()
}

/// Ends a connection by the same operation that callers have.
pub(super) async fn disconnect(
    own: &Own,
    visit: &Visit,
    connection: &Connection,
    call: &PageCall,
) -> Result<(), Error> {
    let answer = within(
        own,
        visit,
        "core.connection.delete",
        &connection.id,
        b"",
        call,
    );
    answer.await.map(drop)
}

/// An operation of the API, called as the customer.
async fn within(
    own: &Own,
    visit: &Visit,
    operation: &'static str,
    id: &str,
    body: &'static [u8],
    call: &PageCall,
) -> Result<Value, Error> {
    let log = CallLog::new(call.request_id.clone(), NativeLog::default());
    let _ = log.operation.set(operation);
    let inner = OwnCall {
        operation,
        caller: Principal {
            scope: Scope::Customer(visit.customer.clone()),
            id: format!("visit:{}", visit.customer).into(),
        },
        request: UnifiedRequest {
            path: vec![("id", id.to_owned())],
            query: Vec::new(),
            body: Bytes::from_static(body),
        },
        headers: HeaderMap::new(),
        deadline: call.deadline,
        log: Arc::new(log),
    };
    let result = own.answer(&inner).await;
    inner.log.ended(&result);
    let body = result?;
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}

async fn tell(own: &Own, name: &str, connection: &Connection) -> Result<(), Error> {
    let data = json!({
        "connection_id": connection.id,
        "connector_name": connection.connector_name,
        "status": "healthy",
    });
    let noted = own
        .store()?
        .add_event(name, &data, connection.customer_id.as_deref())
        .await;
    noted.map(drop).map_err(failed)
}
