//! What holds, and where each value comes from. No secret is ever among it: a reference to one is shown as it stands, and
//! anything else that could be one is masked.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};
use url::Url;

use super::{
    Config, ConfigError, Layers, SETTINGS,
    check::{OTEL_SERVICE, OTLP_ENDPOINT},
    layers::Read,
    origin::Origin,
    settings::{CONNECTION, Kind, Setting, Standard},
    tree::{Shape, Source, Value},
};
use crate::{route::Api, store::Location, store::keys::KeySource};

/// What stands in the place of a secret.
const MASK: &str = "********";

/// How it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As a configuration file, each origin in a comment.
    Yaml,
    /// For programs.
    Json,
}

/// One value.
#[derive(Debug)]
struct Shown {
    path: Vec<String>,
    value: Json,
    origin: Origin,
}

/// Every setting and every connection, once all of it was found to be right.
pub fn print(layers: &Layers, api: &Api, form: Form) -> Result<String, ConfigError> {
    let config = layers.read(api)?;
    let Read { name, text, over } = layers.gather()?;
    let mut source = Source::new(&name, &text, over);
    let root = source.root().map(super::tree::Map::take_all);
    let mut root = root.unwrap_or_default();
    let mut shown = Vec::new();
    let take = |root: &mut Vec<(String, Value)>, key: &str| {
        let index = root.iter().position(|(name, _)| name == key)?;
        Some(root.remove(index).1)
    };
    let mut given = Vec::new();
    let connections = take(&mut root, "connections");
    for (key, value) in root {
        walk(vec![key], value, &mut source, &mut given);
    }
    for setting in SETTINGS {
        let path: Vec<_> = setting.path.split('.').map(str::to_owned).collect();
        let (own, others) = given
            .into_iter()
            .partition(|shown: &Shown| shown.path.starts_with(&path));
        given = others;
        let own: Vec<Shown> = own;
        if own.is_empty() {
            let (value, origin) = match opentelemetry(setting, &config, layers) {
                Some((value, variable)) => (value, Origin::Variable(variable.to_owned())),
                None => (standard(setting, &config), Origin::Default),
            };
            shown.push(Shown {
                path,
                value,
                origin,
            });
        } else {
            shown.extend(own.into_iter().map(|shown| Shown {
                value: masked(setting, shown.value),
                ..shown
            }));
        }
    }
    if let Some(value) = connections {
        let mut given = Vec::new();
        walk(
            vec!["connections".to_owned()],
            value,
            &mut source,
            &mut given,
        );
        shown.extend(given.into_iter().map(|shown| Shown {
            value: if is_open(&shown.path) {
                shown.value
            } else {
                mask(shown.value)
            },
            ..shown
        }));
    }
    Ok(match form {
        Form::Yaml => yaml(&shown),
        Form::Json => json_text(&shown),
    })
}

/// Collects what has no keys.
fn walk(path: Vec<String>, value: Value, source: &mut Source<'_>, shown: &mut Vec<Shown>) {
    let origin = source.origin(value.at);
    let value = match value.shape(source) {
        Shape::Map(entries) => {
            for (key, value) in entries {
                let mut path = path.clone();
                path.push(key);
                walk(path, value, source, shown);
            }
            return;
        }
        Shape::List(items) => items
            .into_iter()
            .filter_map(|item| match item.shape(source) {
                Shape::Text(text) => Some(Json::from(text)),
                _ => None,
            })
            .collect(),
        Shape::Text(text) => Json::from(text),
        Shape::Nothing => return,
    };
    shown.push(Shown {
        path,
        value,
        origin,
    });
}

/// What a variable of OpenTelemetry's own says, where it counts.
fn opentelemetry(
    setting: &Setting,
    config: &Config,
    layers: &Layers,
) -> Option<(Json, &'static str)> {
    let telemetry = &config.telemetry;
    let (variable, value) = match setting.path {
        "telemetry.otlp_endpoint" => {
            // One that is no address was warned about and does not count.
            let endpoint = telemetry.otlp_endpoint.as_ref()?;
            (OTLP_ENDPOINT, endpoint.as_str())
        }
        "telemetry.service_name" => (OTEL_SERVICE, telemetry.service_name.as_str()),
        _ => return None,
    };
    layers.has(variable).then(|| (value.into(), variable))
}

/// What holds where nothing is said.
fn standard(setting: &Setting, config: &Config) -> Json {
    let shown = |path: &std::path::Path| Json::from(path.display().to_string());
    let state = &config.state;
    let keys = state.store.as_ref().map(|store| &store.keys);
    match (setting.path, setting.standard) {
        ("state_dir", _) => state.folder.as_deref().map_or(Json::Null, shown),
        ("store", _) => match state.store.as_ref().map(|store| &store.location) {
            Some(Location::Sqlite(path)) => format!("sqlite:{}", path.display()).into(),
            Some(Location::Postgres(_)) => MASK.into(),
            None => "none".into(),
        },
        ("store_key", _) => match keys {
            Some(KeySource::File(path)) => format!("file:{}", path.display()).into(),
            Some(KeySource::Text(_)) => MASK.into(),
            None => Json::Null,
        },
        (_, Standard::Is("[]")) => json!([]),
        (_, Standard::Is(value)) => value.into(),
        (_, Standard::Unset { .. }) => Json::Null,
    }
}

fn masked(setting: &Setting, value: Json) -> Json {
    match (setting.kind, value) {
        (Kind::Secret | Kind::Secrets, value) => mask(value),
        (Kind::Store, Json::String(text)) => match Url::parse(&text) {
            _ if ["none", "sqlite"].contains(&text.as_str()) || text.starts_with("sqlite:") => {
                text.into()
            }
            // Without a query as well, in which a password may stand.
            Ok(url) if url.password().is_none() && url.query().is_none() => text.into(),
            Ok(mut url) if url.host_str().is_some() => {
                url.set_query(None);
                let has_password = url.password().is_some();
                if has_password && url.set_password(Some(MASK)).is_err() {
                    return MASK.into();
                }
                url.as_str().into()
            }
            _ => mask(text.into()),
        },
        (_, value) => value,
    }
}

/// Hides all but references.
fn mask(value: Json) -> Json {
    match value {
        Json::Array(items) => items.into_iter().map(mask).collect(),
        Json::String(text) if text.starts_with("env:") || text.starts_with("file:") => text.into(),
        _ => MASK.into(),
    }
}

/// Whether a connection's key is known to hold no secret. A URL has been checked to have none in it.
fn is_open(path: &[String]) -> bool {
    let Some(key) = path.get(2..).map(|key| key.join(".")) else {
        return false;
    };
    let known = CONNECTION.iter().find(|known| known.path == key);
    known.map_or(key.ends_with("_url"), |known| !known.is_secret)
}

fn json_text(shown: &[Shown]) -> String {
    let settings = shown.iter().map(|shown| {
        let origin = match &shown.origin {
            Origin::File { name, line } => json!({ "kind": "file", "file": name, "line": line }),
            Origin::Variable(name) => json!({ "kind": "environment", "variable": name }),
            Origin::Flag(name) => json!({ "kind": "flag", "flag": name }),
            Origin::Default => json!({ "kind": "default" }),
        };
        json!({ "path": shown.path, "value": shown.value, "origin": origin })
    });
    let mut whole = Map::new();
    whole.insert("settings".to_owned(), settings.collect());
    serde_json::to_string_pretty(&whole).expect("a tree of JSON can be written")
}

/// A configuration file; what has no value stands in a comment.
fn yaml(shown: &[Shown]) -> String {
    let mut text = String::new();
    let mut open: &[String] = &[];
    for Shown {
        path,
        value,
        origin,
    } in shown
    {
        let (key, above) = path.split_last().expect("a value has a name");
        let same = open.iter().zip(above).take_while(|(a, b)| a == b).count();
        for (depth, name) in above.iter().enumerate().skip(same) {
            let _ = writeln!(text, "{:1$}{2}:", "", depth * 2, scalar(name));
        }
        open = above;
        let indent = above.len() * 2;
        let _ = match value {
            Json::Null => writeln!(text, "{:indent$}# {key}: not set", ""),
            value => writeln!(
                text,
                "{:indent$}{}: {} # {origin}",
                "",
                scalar(key),
                written(value)
            ),
        };
    }
    text
}

fn written(value: &Json) -> String {
    match value {
        Json::String(text) => scalar(text),
        Json::Array(items) => {
            let items: Vec<_> = items.iter().map(written).collect();
            format!("[{}]", items.join(", "))
        }
        value => value.to_string(),
    }
}

/// Quoted where YAML could take it for something else. A text of JSON is one of YAML.
fn scalar(text: &str) -> String {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_-./: ".contains(&byte))
        && text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '/')
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' '])
        && !text.starts_with("env:")
        && !text.starts_with("file:");
    if is_plain {
        text.to_owned()
    } else {
        Json::from(text).to_string()
    }
}

#[cfg(test)]
mod tests;
