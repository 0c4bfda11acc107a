//! How a connection is shown. There is no member for a secret.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;

use crate::{
    core::{connector::Connector, input::Query},
    own::Own,
    store::{self, rfc3339},
};

/// A connection, with what was asked for beside it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Connection<'a> {
    created_at: String,
    updated_at: String,
    id: &'a str,
    connector_name: &'a str,
    display_name: Option<&'a str>,
    customer_id: Option<&'a str>,
    connector_config_id: &'a str,
    integration_id: Option<&'a str>,
    settings: Option<&'a Value>,
    standard: Standard<'a>,
    disabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Value>,
    /// No connector has integrations, so whoever asks for them is told that there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    integration: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connector: Option<ConnectorShown<'a>>,
    #[serde(rename = "connector_config", skip_serializing_if = "Option::is_none")]
    connector_config: Option<ConfigShown<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Standard<'a> {
    display_name: Option<&'a str>,
    status: Option<&'a str>,
    status_message: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectorShown<'a> {
    id: &'a str,
    name: &'static str,
    logo_url: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigShown<'a> {
    id: &'a str,
    org_id: &'a str,
    connector_name: &'a str,
}

/// What an answer is to have beside the connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Expand {
    connector: bool,
    integration: bool,
}

impl Expand {
    pub(super) fn read(query: &mut Query<'_>) -> Self {
        // The connector config is in the answers that can have one in any case.
        let words = query.list_of("expand", &["connector", "integration", "connector_config"]);
        Self {
            connector: words.contains(&"connector"),
            integration: words.contains(&"integration"),
        }
    }
}

impl<'a> Connection<'a> {
    pub(super) fn new(own: &'a Own, connection: &'a store::Connection, expand: Expand) -> Self {
        let connector = Connector::named(&own.api, &connection.connector_name);
        Self {
            created_at: rfc3339(connection.created_at),
            updated_at: rfc3339(connection.updated_at),
            id: &connection.id,
            connector_name: &connection.connector_name,
            display_name: connection.display_name.as_deref(),
            customer_id: connection.customer_id.as_deref(),
            connector_config_id: &connection.connector_config_id,
            integration_id: connection.integration_id.as_deref(),
            settings: connection.settings.as_ref(),
            standard: Standard {
                display_name: connection.display_name.as_deref(),
                status: connection.status.as_deref(),
                status_message: connection.status_message.as_deref(),
            },
            disabled: connection.disabled,
            metadata: connection.metadata.as_ref(),
            integration: expand.integration.then_some(Value::Null),
            connector: connector
                .filter(|_| expand.connector)
                .map(|connector| ConnectorShown {
                    id: &connection.connector_config_id,
                    name: connector.title(),
                    logo_url: logo(connector.title()),
                }),
            connector_config: None,
        }
    }

    /// The same with its connector config.
    pub(super) fn with_config(mut self, own: &'a Own) -> Self {
        self.connector_config = Some(ConfigShown {
            id: self.connector_config_id,
            org_id: &own.state.org_id,
            connector_name: self.connector_name,
        });
        self
    }
}

/// A picture of our own in the URL itself: the first letter, so that whoever shows it asks nobody for it.
fn logo(title: &str) -> String {
    let letter = title.chars().next().unwrap_or('?');
    let picture = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><rect width='32' height='32' rx='6' fill='#334155'/><text x='16' y='22' font-family='sans-serif' font-size='18' text-anchor='middle' fill='#fff'>{letter}</text></svg>"
    );
    format!(
        "data:image/svg+xml,{}",
        utf8_percent_encode(&picture, NON_ALPHANUMERIC)
    )
}
