//! The org's settings, as the control endpoints read and set them: all that a patch names, or none.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    DAILY_LIMIT, Org,
    rules::DuplicateRules,
    schema::{Field, Object, Schema},
};
use crate::sandbox::consent::Mode;

/// More calls than anybody makes.
const NO_LIMIT: u64 = 1_000_000_000;

/// Custom fields that the settings added, by object; a reset brings them back.
pub(super) type Added = Vec<(String, Field)>;

/// The settings, beside the clock's.
pub(super) fn shown(org: &Org) -> Map<String, Value> {
    let sessions = &org.sessions.settings;
    let custom: BTreeMap<&str, Vec<&str>> = org
        .state
        .schema
        .values()
        .map(|object| (object.name.as_str(), custom_names(object)))
        .filter(|(_, names)| !names.is_empty())
        .collect();
    Map::from_iter([
        ("daily_limit".to_owned(), json!(org.daily_limit)),
        ("calls_today".to_owned(), json!(org.calls)),
        ("hidden_fields".to_owned(), json!(org.state.hidden)),
        ("custom_fields".to_owned(), json!(custom)),
        (
            "rate_limits".to_owned(),
            json!(limits_name(org.daily_limit)),
        ),
        ("rotate_refresh_tokens".to_owned(), json!(sessions.rotates)),
        ("consent".to_owned(), json!(sessions.consent.name())),
        ("deny_consent".to_owned(), json!(sessions.denies)),
        (
            "session_seconds".to_owned(),
            json!(sessions.session_seconds),
        ),
        ("require_pkce".to_owned(), json!(sessions.requires_pkce)),
        ("redirect_uris".to_owned(), json!(sessions.redirect_uris)),
        ("app_scopes".to_owned(), json!(sessions.app_scopes)),
        ("approvals_per_user".to_owned(), json!(sessions.approvals)),
        ("commit_lag_seconds".to_owned(), json!(org.state.late.lags)),
        ("enhanced_notes".to_owned(), json!(!org.state.notes_off)),
        (
            "duplicate_rules".to_owned(),
            json!(org.state.duplicate_rules.name()),
        ),
    ])
}

/// The daily limits that have a name.
fn limits_named(name: &str) -> Option<u64> {
    match name {
        "real" => Some(DAILY_LIMIT),
        "off" => Some(NO_LIMIT),
        _ => None,
    }
}

fn limits_name(daily_limit: u64) -> Option<&'static str> {
    let named = |name: &&str| limits_named(name) == Some(daily_limit);
    ["real", "off"].into_iter().find(named)
}

fn texts(name: &str, value: &Value) -> Result<Option<Vec<String>>, String> {
    serde_json::from_value(value.clone())
        .map_err(|_| format!("{name}: expected a list of texts or null, found {value}"))
}

fn custom_names(object: &Object) -> Vec<&str> {
    let names = object.fields.iter().map(|field| field.name.as_str());
    names.filter(|name| name.ends_with("__c")).collect()
}

/// What a patch says of the clock, which the org does not hold.
#[derive(Debug, Default)]
pub(super) struct Time {
    pub(super) offset_ms: Option<i64>,
    pub(super) stopped: Option<bool>,
}

/// Sets what `patch` names, and answers what it says of the clock.
pub(super) fn set(org: &mut Org, patch: &Value, now: &str) -> Result<Time, String> {
    let patch = patch.as_object().ok_or("expected an object")?;
    let mut state = org.state.clone();
    let mut added = org.added.clone();
    let (mut daily_limit, mut calls) = (org.daily_limit, org.calls);
    let mut sessions = org.sessions.settings.clone();
    let mut time = Time::default();
    for (name, value) in patch {
        let expected = |what: &str| format!("{name}: expected {what}, found {value}");
        let number = || value.as_u64().ok_or_else(|| expected("a whole number"));
        let flag = || value.as_bool().ok_or_else(|| expected("true or false"));
        match name.as_str() {
            "clock_offset_ms" => {
                time.offset_ms = Some(value.as_i64().ok_or_else(|| expected("milliseconds"))?);
            }
            "clock_stopped" => time.stopped = Some(flag()?),
            "daily_limit" => daily_limit = number()?,
            "calls_today" => calls = number()?,
            "rate_limits" => {
                let named = value.as_str().and_then(limits_named);
                daily_limit = named.ok_or_else(|| expected("real or off"))?;
            }
            "session_seconds" => sessions.session_seconds = number()?,
            "rotate_refresh_tokens" => sessions.rotates = flag()?,
            "deny_consent" => sessions.denies = flag()?,
            "consent" => {
                let mode = value.as_str().and_then(Mode::named);
                sessions.consent = mode.ok_or_else(|| expected("page or at_once"))?;
            }
            "require_pkce" => sessions.requires_pkce = flag()?,
            "redirect_uris" => sessions.redirect_uris = texts(name, value)?,
            "app_scopes" => sessions.app_scopes = texts(name, value)?,
            "approvals_per_user" => {
                sessions.approvals = serde_json::from_value(value.clone())
                    .map_err(|_| expected("a whole number or null"))?;
            }
            "duplicate_rules" => {
                let rules = value.as_str().and_then(DuplicateRules::named);
                state.duplicate_rules = rules.ok_or_else(|| expected("off, alert or block"))?;
            }
            "enhanced_notes" => state.notes_off = !flag()?,
            "commit_lag_seconds" => {
                let lags = match value {
                    Value::Number(_) => json!([value]),
                    other => other.clone(),
                };
                state.late.lags = serde_json::from_value(lags)
                    .map_err(|_| expected("seconds, or a list of them to take in turn"))?;
            }
            "hidden_fields" => {
                let named: BTreeMap<String, Vec<String>> = serde_json::from_value(value.clone())
                    .map_err(|_| expected("field names by object"))?;
                let mut hidden = BTreeMap::new();
                for (object, fields) in named {
                    let object = known(&mut state.schema, &object)?;
                    let fields = fields.iter().map(|field| hideable(object, field));
                    let fields = fields.collect::<Result<Vec<_>, _>>()?;
                    hidden.insert(object.name.clone(), fields);
                }
                state.hide(hidden);
            }
            "custom_fields" => {
                for (object, field) in custom_fields(value)? {
                    add(&mut state.schema, &object, &field)?;
                    added.push((object, field));
                }
            }
            _ => return Err(format!("{name}: there is no such setting")),
        }
    }
    state.redescribe(now);
    (org.state, org.added) = (state, added);
    (org.daily_limit, org.calls) = (daily_limit, calls);
    org.sessions.settings = sessions;
    Ok(time)
}

/// A field's name, where field-level security can hide it: neither ids nor names nor what Salesforce keeps itself.
fn hideable(object: &Object, name: &str) -> Result<String, String> {
    let field = object
        .field(name)
        .ok_or_else(|| format!("hidden_fields.{}: there is no field {name}", object.name))?;
    // Objects without a recorded describe do not tell; all is taken there.
    let tells = object.fields.iter().any(|field| field.permissionable);
    if tells && !field.permissionable {
        let object = &object.name;
        return Err(format!("hidden_fields.{object}: {name} cannot be hidden"));
    }
    Ok(field.name.clone())
}

fn custom_fields(value: &Value) -> Result<Added, String> {
    let by_object = value
        .as_object()
        .ok_or("custom_fields: expected fields by object")?;
    let mut added = Added::new();
    for (name, fields) in by_object {
        let fields = fields
            .as_array()
            .ok_or_else(|| format!("custom_fields.{name}: expected a list of fields"))?;
        for field in fields {
            let field = Field::custom(field)
                .filter(Field::is_custom)
                .ok_or_else(|| {
                    format!("custom_fields.{name}: expected a name that ends in __c, found {field}")
                })?;
            added.push((name.clone(), field));
        }
    }
    Ok(added)
}

/// Adds a custom field; one of the same name is replaced.
pub(super) fn add(schema: &mut Schema, object: &str, field: &Field) -> Result<(), String> {
    let object = known(schema, object)?;
    object
        .fields
        .retain(|other| !other.name.eq_ignore_ascii_case(&field.name));
    object.fields.push(field.clone());
    Ok(())
}

fn known<'s>(schema: &'s mut Schema, name: &str) -> Result<&'s mut Object, String> {
    schema
        .get_mut(&name.to_ascii_lowercase())
        .map(Arc::make_mut)
        .ok_or_else(|| format!("{name}: the sandbox plays no such object"))
}
