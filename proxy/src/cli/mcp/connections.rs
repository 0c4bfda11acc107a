//! The tool that tells which connections there are: what a model names in all other tools.
//!
//! The API lists those of the store. Those of the configuration are known to the port of those who watch, and to who has
//! read the configuration; a connect token is not shown them.

use std::sync::Arc;

use crosswalk::route::Api;
use http::{Method, StatusCode};
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, Value, json};

use super::caller::Caller;
use crate::cli::{
    Failure,
    client::{Answer, Call, Proxy},
};

pub(super) const NAME: &str = "connection_list";
/// Its only argument.
pub(super) const CUSTOMER: &str = "customer_id";
/// Connections of one page of the API, and of one answer.
const PAGE: usize = 500;
const MOST: usize = 2000;

pub(super) fn tool() -> Tool {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let or_null =
        |description: &str| json!({ "type": ["string", "null"], "description": description });
    let connection = json!({
        "type": "object",
        "properties": {
            "id": text("What other tools take as `connection`."),
            "provider": or_null("Whose API it leads to, as in `hubspot`."),
            "customer_id": or_null("The customer whose account it is; null where it is nobody's in particular."),
            "display_name": or_null("What people call it."),
            "status": or_null("`healthy` where the last check was good; null where there was none."),
            "status_message": or_null("Why it does not work."),
            "is_disabled": { "type": "boolean" },
        },
        "required": ["id", "provider"],
    });
    let output = json!({
        "type": "object",
        "properties": {
            "connections": { "type": "array", "items": connection },
            "is_whole": { "type": "boolean", "description": "Whether these are all of them." },
        },
        "required": ["connections", "is_whole"],
    });
    let input = json!({
        "type": "object",
        "properties": { "customer_id": text("Only of this customer.") },
        "additionalProperties": false,
    });
    Tool::new(
        NAME,
        "The accounts that can be read: each connection with its provider, its customer and whether it works. The other tools take its `id` as `connection`.",
        Arc::new(members(input)),
    )
    .with_title("List connections")
    .with_raw_output_schema(Arc::new(members(output)))
    .with_annotations(ToolAnnotations::new().read_only(true).open_world(false))
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// What came of asking.
#[derive(Debug)]
pub(super) enum Told {
    Connections(Value),
    /// What the API answered.
    Answer(Answer),
}

/// All that the caller may see.
pub(super) async fn list(
    api: &Api,
    proxy: &Proxy,
    caller: &Caller,
    customer: Option<&str>,
) -> Result<Told, Failure> {
    let mut connections = Vec::new();
    let (mut passed, mut is_whole) = (0, true);
    // Who asks is looked at by the API, first of all.
    loop {
        let mut call = Call::new(Method::GET, &["core", "connection"])
            .query("limit", PAGE)
            .query("offset", passed);
        if let Some(customer) = customer {
            call = call.query("customerId", customer);
        }
        call.headers.extend(caller.credentials());
        let answer = proxy.send(call).await?;
        // `store: none`
        if answer.status == StatusCode::NOT_IMPLEMENTED {
            break;
        }
        if !answer.status.is_success() {
            return Ok(Told::Answer(answer));
        }
        let page = answer.value();
        let page = page.as_array().cloned().unwrap_or_default();
        let is_last = page.len() < PAGE;
        passed += page.len();
        // Databases are connections too, and no call is about one.
        let callable = page.iter().filter(|connection| {
            let provider = connection["connectorName"].as_str();
            provider.is_some_and(|name| api.provider(name).is_some())
        });
        connections.extend(callable.map(of_store));
        if is_last {
            break;
        }
        if passed >= MOST {
            is_whole = false;
            break;
        }
    }
    if customer.is_none() && caller.may_see_all() {
        let configured = of_configuration(proxy, caller).await;
        connections.splice(0..0, configured);
    }
    Ok(Told::Connections(
        json!({ "connections": connections, "is_whole": is_whole }),
    ))
}

fn of_store(connection: &Value) -> Value {
    let standard = &connection["standard"];
    json!({
        "id": connection["id"],
        "provider": connection["connectorName"],
        "customer_id": connection["customerId"],
        "display_name": connection["displayName"],
        "status": standard["status"],
        "status_message": standard["statusMessage"],
        "is_disabled": connection["disabled"] == true,
    })
}

/// Those of the configuration: as the proxy tells them, or as its file does. None where neither is known.
async fn of_configuration(proxy: &Proxy, caller: &Caller) -> Vec<Value> {
    if let Some(admin) = &proxy.admin {
        let mut call = Call::new(Method::GET, &["explorer", "connections"]);
        call.headers.extend(caller.credentials());
        if let Ok(answer) = proxy.send_to(admin, call).await
            && answer.status.is_success()
            && let Value::Array(connections) = answer.value()
        {
            let configured = connections.iter().filter(|it| it["is_configured"] == true);
            return configured.map(of_watched).collect();
        }
    }
    let connections = proxy.config.iter().flat_map(|config| &config.connections);
    connections
        .map(|it| of_watched(&json!({ "id": it.settings.id, "connector": it.provider.name })))
        .collect()
}

fn of_watched(connection: &Value) -> Value {
    json!({
        "id": connection["id"],
        "provider": connection["connector"],
        "customer_id": connection["customer_id"],
        "display_name": connection["display_name"],
        "status": connection["status"],
        "status_message": connection["status_message"],
        "is_disabled": connection["is_disabled"] == true,
    })
}
