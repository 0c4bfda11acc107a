//! What is sent, and where it is wrong.

use serde_json::{Value, json};

use super::CANARY;

const CONFIG: &str = "POST /core/connector_config";
const CONNECTION: &str = "POST /core/connection";

/// What is sent, as `METHOD /path` and a body, and where that is wrong. `{hubspot}` and the like stand for ids.
type Wrong = (&'static str, Value, &'static str);

pub(super) fn all() -> Vec<Wrong> {
    [
        about_customers(),
        about_configs(),
        about_new_connections(),
        about_connections(),
    ]
    .concat()
}

fn about_customers() -> Vec<Wrong> {
    vec![
        ("PUT /core/customer/%00", json!({}), "path.id"),
        ("PUT /core/customer/%0Aacme", json!({}), "path.id"),
        ("PUT /core/customer/acme", json!([]), "body"),
        ("PUT /core/customer/acme", json!("x"), "body"),
        ("GET /core/customer?limit=0", Value::Null, "query.limit"),
        ("GET /core/customer?limit=1001", Value::Null, "query.limit"),
        (
            "GET /core/customer?limit=1&limit=2",
            Value::Null,
            "query.limit",
        ),
        ("GET /core/customer?offset=-1", Value::Null, "query.offset"),
        ("GET /core/customer?offset=1.5", Value::Null, "query.offset"),
    ]
}

fn about_configs() -> Vec<Wrong> {
    let config = |more: Value| {
        let mut body = json!({ "orgId": "org_crosswalk", "connectorName": "salesforce" });
        merge(&mut body, more);
        body
    };
    vec![
        (CONFIG, json!({}), "body"),
        (
            CONFIG,
            json!({ "orgId": "org_crosswalk" }),
            "body.connectorName",
        ),
        (
            CONFIG,
            config(json!({ "orgId": "org_other" })),
            "body.orgId",
        ),
        (
            CONFIG,
            config(json!({ "orgId": "crosswalk" })),
            "body.orgId",
        ),
        (CONFIG, config(json!({ "id": "conn_1" })), "body.id"),
        (
            CONFIG,
            config(json!({ "connectorName": "sqlit" })),
            "body.connectorName",
        ),
        (
            CONFIG,
            config(json!({ "disabled": "yes" })),
            "body.disabled",
        ),
        (
            CONFIG,
            config(json!({ "displayName": 1 })),
            "body.displayName",
        ),
        (
            CONFIG,
            config(json!({ "displayName": "a\u{0}" })),
            "body.displayName",
        ),
        (CONFIG, config(json!({ "config": CANARY })), "body.config"),
        (
            CONFIG,
            config(json!({ "config": { "clientId": CANARY } })),
            "body.config.clientId",
        ),
        (
            CONFIG,
            config(json!({ "config": { "client_secret": CANARY } })),
            "body.config.client_id",
        ),
        (
            CONFIG,
            config(json!({ "config": { "client_id": 1 } })),
            "body.config.client_id",
        ),
        (
            CONFIG,
            config(json!({ "config": { "scopes": "api" } })),
            "body.config.scopes",
        ),
        (
            CONFIG,
            config(json!({ "config": { "scopes": ["api", 1] } })),
            "body.config.scopes[1]",
        ),
        (
            CONFIG,
            config(json!({ "config": { "scopes": ["api id"] } })),
            "body.config.scopes[0]",
        ),
        (
            CONFIG,
            config(json!({ "config": { "api_version": "1.0" } })),
            "body.config.api_version",
        ),
        (
            CONFIG,
            config(json!({ "config": { "login_url": "https://evil.example" } })),
            "body.config.login_url",
        ),
        (
            CONFIG,
            config(json!({ "config": { "base_url": "http://acme.my.salesforce.com" } })),
            "body.config.base_url",
        ),
        (
            CONFIG,
            config(
                json!({ "connectorName": "hubspot", "config": { "login_url": "https://login.salesforce.com" } }),
            ),
            "body.config.login_url",
        ),
        (
            CONFIG,
            config(json!({ "connectorName": "sqlite", "config": { "path": "x" } })),
            "body.config.path",
        ),
        (
            CONFIG,
            config(json!({ "defaultPipeOut": { "destination_id": "x" } })),
            "body.defaultPipeOut.destination_id",
        ),
        (
            CONFIG,
            config(json!({ "defaultPipeOut": { "destination_id": "conn_1" } })),
            "body.defaultPipeOut.destination_id",
        ),
        (
            CONFIG,
            config(json!({ "defaultPipeOut": { "streams": { "crm.account": 1 } } })),
            "body.defaultPipeOut.streams.crm.account",
        ),
        (
            CONFIG,
            config(json!({ "defaultPipeOut": { "links": ["single_tabel"] } })),
            "body.defaultPipeOut.links[0]",
        ),
        (
            CONFIG,
            config(json!({ "defaultPipeIn": {} })),
            "body.defaultPipeIn.source_id",
        ),
        ("GET /core/connector_config/conn_1", Value::Null, "path.id"),
        ("PATCH /core/connector_config/ccfg_", json!({}), "path.id"),
        (
            "PATCH /core/connector_config/{hubspot}",
            json!({ "disabled": null, "displayName": {} }),
            "body.displayName",
        ),
        (
            "GET /core/connector_config_info?type=both",
            Value::Null,
            "query.type",
        ),
        (
            "GET /core/connector_config_info?id=conn_1",
            Value::Null,
            "query.id",
        ),
    ]
}

fn about_new_connections() -> Vec<Wrong> {
    let hubspot =
        |settings: Value| json!({ "connectorConfigId": "{hubspot}", "settings": settings });
    let salesforce =
        |settings: Value| json!({ "connectorConfigId": "{salesforce}", "settings": settings });
    let postgres =
        |settings: Value| json!({ "connectorConfigId": "{postgres}", "settings": settings });
    let sqlite = |settings: Value| json!({ "connectorConfigId": "{sqlite}", "settings": settings });
    let token = json!({ "oauth": { "credentials": { "refresh_token": CANARY } } });
    let with = |more: Value| {
        let mut settings = token.clone();
        merge(&mut settings, more);
        settings
    };
    vec![
        (CONNECTION, json!({}), "body"),
        (
            CONNECTION,
            json!({ "connectorConfigId": "conn_1" }),
            "body.connectorConfigId",
        ),
        (
            CONNECTION,
            json!({ "connectorConfigId": "ccfg_nowhere" }),
            "body.connectorConfigId",
        ),
        (
            CONNECTION,
            json!({ "connectorConfigId": "{sqlite}", "customerId": "" , "settings": { "path": "a.db" } }),
            "body.customerId",
        ),
        (
            CONNECTION,
            json!({ "connectorConfigId": "{sqlite}", "integrationId": "hubspot" , "settings": { "path": "a.db" } }),
            "body.integrationId",
        ),
        (CONNECTION, hubspot(json!(CANARY)), "body.settings"),
        (CONNECTION, hubspot(json!({})), "body.settings"),
        (
            CONNECTION,
            hubspot(json!({ "access_token": CANARY, "portal": 1 })),
            "body.settings.portal",
        ),
        (
            CONNECTION,
            hubspot(json!({ "access_token": CANARY, "instance_url": "https://x.example" })),
            "body.settings.instance_url",
        ),
        (
            CONNECTION,
            hubspot(
                json!({ "access_token": CANARY, "base_url": "https://api.hubapi.com.evil.example" }),
            ),
            "body.settings.base_url",
        ),
        (
            CONNECTION,
            hubspot(json!({ "access_token": CANARY, "base_url": "http://169.254.169.254" })),
            "body.settings.base_url",
        ),
        (
            CONNECTION,
            hubspot(json!({ "access_token": "" })),
            "body.settings.access_token",
        ),
        (
            CONNECTION,
            hubspot(with(json!({ "access_token": CANARY }))),
            "body.settings.access_token",
        ),
        (
            CONNECTION,
            hubspot(json!({ "oauth": CANARY })),
            "body.settings.oauth",
        ),
        (
            CONNECTION,
            hubspot(json!({ "oauth": {} })),
            "body.settings.oauth.credentials",
        ),
        (
            CONNECTION,
            hubspot(json!({ "oauth": { "credentials": {} } })),
            "body.settings.oauth.credentials.refresh_token",
        ),
        (
            CONNECTION,
            hubspot(
                json!({ "oauth": { "credentials": { "refresh_token": CANARY, "expires_at": "soon" } } }),
            ),
            "body.settings.oauth.credentials.expires_at",
        ),
        (
            CONNECTION,
            hubspot(
                json!({ "oauth": { "credentials": { "refresh_token": CANARY, "id_token": CANARY } } }),
            ),
            "body.settings.oauth.credentials.id_token",
        ),
        (
            CONNECTION,
            json!({ "connectorConfigId": "{bare}", "settings": token }),
            "body.settings.oauth",
        ),
        (
            CONNECTION,
            salesforce(json!({ "access_token": CANARY })),
            "body.settings",
        ),
        (
            CONNECTION,
            salesforce(with(json!({ "instance_url": "https://evil.example" }))),
            "body.settings.instance_url",
        ),
        (
            CONNECTION,
            salesforce(with(json!({ "login_url": "ftp://login.salesforce.com" }))),
            "body.settings.login_url",
        ),
        (
            CONNECTION,
            salesforce(with(json!({ "api_version": "58.0" }))),
            "body.settings.api_version",
        ),
        (CONNECTION, postgres(json!({})), "body.settings.url"),
        (
            CONNECTION,
            postgres(json!({ "url": "mysql://user:canary-core-secret@host/db" })),
            "body.settings.url",
        ),
        (
            CONNECTION,
            postgres(json!({ "url": "postgres://user@host/db", "shema": "x" })),
            "body.settings.shema",
        ),
        (
            CONNECTION,
            postgres(json!({ "url": "postgres://user@host/db", "schema": "x".repeat(64) })),
            "body.settings.schema",
        ),
        (CONNECTION, sqlite(json!({})), "body.settings.path"),
        (
            CONNECTION,
            sqlite(json!({ "path": "../x.db" })),
            "body.settings.path",
        ),
        (
            CONNECTION,
            sqlite(json!({ "path": "/etc/passwd" })),
            "body.settings.path",
        ),
        (
            CONNECTION,
            sqlite(json!({ "path": "a//b" })),
            "body.settings.path",
        ),
        (
            CONNECTION,
            sqlite(json!({ "path": "x.db", "url": "x" })),
            "body.settings.url",
        ),
    ]
}

fn about_connections() -> Vec<Wrong> {
    vec![
        ("GET /core/connection/ccfg_1", Value::Null, "path.id"),
        ("GET /core/connection/%ff", Value::Null, "path.id"),
        ("DELETE /core/connection/acme", Value::Null, "path.id"),
        (
            "DELETE /core/connection/{connection}?skipRevoke=perhaps",
            Value::Null,
            "query.skipRevoke",
        ),
        (
            "GET /core/connection?forceRefresh=1",
            Value::Null,
            "query.forceRefresh",
        ),
        (
            "GET /core/connection?expand=conector",
            Value::Null,
            "query.expand",
        ),
        (
            "GET /core/connection?customerId=",
            Value::Null,
            "query.customerId",
        ),
        (
            "GET /core/connection?customerId=%00",
            Value::Null,
            "query.customerId",
        ),
        (
            "GET /core/connection?connectorConfigId=conn_1",
            Value::Null,
            "query.connectorConfigId",
        ),
        (
            "PATCH /core/connection/{connection}",
            json!({ "settings": { "path": "/x" } }),
            "body.settings.path",
        ),
        (
            "PATCH /core/connection/{connection}",
            json!({ "settings": { "pth": "x" } }),
            "body.settings.pth",
        ),
        (
            "PATCH /core/connection/{connection}",
            json!({ "customerId": "" }),
            "body.customerId",
        ),
        (
            "PATCH /core/connection/{connection}",
            json!({ "integrationId": "x" }),
            "body.integrationId",
        ),
        (
            "PATCH /core/connection/{connection}",
            json!({ "disabled": null, "metadata": 1, "displayName": [] }),
            "body.displayName",
        ),
    ]
}

fn merge(into: &mut Value, more: Value) {
    let Value::Object(more) = more else {
        panic!("members are merged")
    };
    into.as_object_mut().unwrap().extend(more);
}
