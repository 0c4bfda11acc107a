//! The JSON Schema of the configuration file, for editors. What it takes the reader takes and the other way round, but for
//! what needs more than the file to know: whether a variable is set, or an address is one.

use serde_json::{Map, Value, json};

use super::{
    SETTINGS,
    settings::{CONNECTION, Kind, Setting, Standard},
};
use crate::{
    route::Api,
    upstream::provider::{BaseUrl, LimitKind, Provider},
};

/// The schema, of JSON Schema 2020-12.
pub fn schema(api: &Api) -> Value {
    let mut root = Map::new();
    for setting in SETTINGS {
        let described = of_setting(setting, api);
        match setting.path.split_once('.') {
            None => {
                root.insert(setting.path.to_owned(), described);
            }
            Some((group, key)) => {
                let group = root.entry(group).or_insert_with(|| object(Map::new()));
                group["properties"][key] = described;
            }
        }
    }
    root.insert("connections".to_owned(), connections(api));
    let mut schema = object(root);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "The configuration of Crosswalk".into();
    schema
}

/// An object with these keys alone; nothing behind its name counts as an empty one.
fn object(properties: impl Into<Value>) -> Value {
    let properties: Value = properties.into();
    json!({ "type": ["object", "null"], "properties": properties, "additionalProperties": false })
}

fn of_setting(setting: &Setting, api: &Api) -> Value {
    let mut schema = of_kind(setting.kind, api);
    schema["description"] = setting.doc.into();
    match setting.standard {
        Standard::Is(value) => schema["default"] = default(setting.kind, value),
        Standard::Unset { example, .. } if setting.kind == Kind::Text => {
            schema["examples"] = json!([example]);
        }
        Standard::Unset { .. } => {}
    }
    schema
}

fn default(kind: Kind, value: &str) -> Value {
    match kind {
        Kind::Count(_) | Kind::Flag | Kind::Texts => {
            serde_json::from_str(value).unwrap_or_else(|_| value.into())
        }
        _ => value.into(),
    }
}

/// Whatever is written is a text to the reader, so a number and `null` are taken in its place.
fn text() -> Value {
    json!({ "type": ["string", "number", "boolean", "null"], "minLength": 1 })
}

fn of_kind(kind: Kind, api: &Api) -> Value {
    match kind {
        Kind::Address => {
            json!({ "type": ["string", "null"], "pattern": r"^(\d{1,3}(\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]):\d{1,5}$" })
        }
        Kind::Place => {
            json!({ "type": ["string", "null"], "pattern": r"^((\d{1,3}(\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]):\d{1,5}|unix:/.+)$" })
        }
        Kind::Mode => json!({ "type": ["string", "null"], "pattern": "^0?[0-7]{3}$" }),
        Kind::Text | Kind::Url | Kind::Secret | Kind::Store => text(),
        Kind::Word(words) => {
            json!({ "enum": words.iter().map(|word| Value::from(*word)).chain([Value::Null]).collect::<Vec<_>>() })
        }
        Kind::Flag => json!({ "enum": [true, false, "true", "false", null] }),
        Kind::Count(least) => {
            let pattern = if least == 0 {
                r"^\+?\d+$"
            } else {
                r"^\+?0*[1-9]\d*$"
            };
            json!({ "type": ["integer", "string", "null"], "minimum": least, "pattern": pattern })
        }
        Kind::Bytes(least) => {
            json!({ "type": ["integer", "string", "null"], "minimum": least, "pattern": r"^\d+\s*(B|KiB|MiB|GiB)?$" })
        }
        Kind::Time => {
            json!({ "type": ["string", "null"], "pattern": r"^0*[1-9]\d*\s*(ms|s|m|h)$" })
        }
        Kind::Texts => json!({ "type": ["array", "null"], "items": text() }),
        Kind::Secrets => json!({ "type": ["array", "null"], "items": text(), "minItems": 1 }),
        Kind::ProviderLimits => provider_limits(api),
    }
}

fn provider_limits(api: &Api) -> Value {
    let word = json!({ "enum": ["off", "assumed"] });
    let providers = api.providers.iter().map(|provider| {
        let counted = provider
            .limits
            .iter()
            .filter(|limit| !matches!(limit.kind, LimitKind::Told { .. }));
        let numbers = counted.map(|limit| (limit.name.to_owned(), of_kind(Kind::Count(1), api)));
        let numbers = object(numbers.collect::<Map<_, _>>());
        (
            provider.name.to_owned(),
            json!({ "anyOf": [word, numbers] }),
        )
    });
    json!({ "anyOf": [word, object(providers.collect::<Map<_, _>>())] })
}

fn connections(api: &Api) -> Value {
    let each = api.providers.iter().map(|provider| {
        json!({
            "if": { "properties": { "provider": { "const": provider.name } }, "required": ["provider"] },
            "then": connection(provider),
        })
    });
    let names: Vec<_> = api.providers.iter().map(|provider| provider.name).collect();
    json!({
        "description": "One customer's account at a provider each; the name is what callers send in x-connection-id.",
        "type": ["object", "null"],
        "propertyNames": { "pattern": "^[!-~]{1,128}$" },
        "additionalProperties": {
            "type": "object",
            "required": ["provider"],
            "properties": { "provider": { "enum": names } },
            "anyOf": [
                { "required": ["access_token"], "properties": { "access_token": { "not": { "type": "null" } } } },
                { "required": ["oauth"], "properties": { "oauth": { "type": "object" } } },
            ],
            "allOf": each.collect::<Vec<_>>(),
        },
    })
}

/// The keys of a provider's connections.
fn connection(provider: &Provider) -> Value {
    let mut keys = Map::new();
    let mut oauth = Map::new();
    for key in CONNECTION {
        let mut schema = text();
        schema["description"] = key.doc.into();
        match key.path.split_once('.') {
            Some((_, inner)) => oauth.insert(inner.to_owned(), schema),
            None if key.path == "login_url" && provider.auth.login_url.is_none() => None,
            None => keys.insert(key.path.to_owned(), schema),
        };
    }
    keys.insert(
        "oauth".to_owned(),
        json!({
            "type": ["object", "null"],
            "required": ["client_id", "refresh_token"],
            "properties": oauth,
            "additionalProperties": false,
        }),
    );
    if let BaseUrl::PerConnection {
        setting,
        allowed_hosts,
    } = provider.base_url
    {
        let mut schema = text();
        schema["description"] = format!(
            "The account's own host, which ends with {}.",
            allowed_hosts.join(" or ")
        )
        .into();
        keys.insert(setting.to_owned(), schema);
    }
    json!({ "properties": keys, "additionalProperties": false })
}

#[cfg(test)]
mod tests;
